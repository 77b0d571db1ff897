// An engine for tests of the loop: bodies are promises of the test's own. It keeps the port's promises (one body per id, for ever)
// and survives the loops that use it, as a real engine survives a server.

import { AppError } from '../../../../store/model/errors.ts';
import type { AttemptId } from '../../../../store/model/ids.ts';
import type { AttemptEnd } from '../../../../store/model/run.ts';
import type { AttemptReport, AttemptSpec, Engine, EngineListener } from '../../../../scheduler/engines/port.ts';

export interface ScriptedEngine extends Engine {
  /** Starts of bodies by attempt id: more than one is the fault that must never happen. */
  readonly starts: Map<AttemptId, number>;
  readonly specs: Map<AttemptId, AttemptSpec>;
  readonly stops: { readonly id: AttemptId; readonly graceMs: number }[];
  end(id: AttemptId, end: AttemptEnd): void;
  /** While true every call fails as an engine that does not answer. */
  down: boolean;
  /** Bodies of these end by themselves, as soon as they run. */
  autoEnd: ((spec: AttemptSpec) => AttemptEnd | null) | null;
  readonly forgotten: AttemptId[];
  tidied: number;
}

export function createScriptedEngine(now: () => number): ScriptedEngine {
  const states = new Map<AttemptId, AttemptReport>();
  const barred = new Set<AttemptId>();
  let listener: EngineListener | null = null;

  function change(report: AttemptReport): void {
    states.set(report.id, report);
    queueMicrotask(() => listener?.changed(report));
  }

  function answer<T>(value: T): T {
    if (engine.down) throw new AppError('unavailable', 'The engine does not answer.');
    return value;
  }

  const engine: ScriptedEngine = {
    kind: 'process',
    reach: { scope: 'local', where: 'test' },
    identity: async () => 'test',
    starts: new Map(),
    specs: new Map(),
    stops: [],
    down: false,
    autoEnd: null,
    forgotten: [],
    tidied: 0,
    end: (id, end) => change({ id, state: 'ended', startedAt: now(), endedAt: now(), end }),
    submit: async (spec) => {
      const known = answer(states.get(spec.id));
      if (known !== undefined) return known;
      if (barred.has(spec.id)) return { id: spec.id, state: 'unknown' };
      engine.starts.set(spec.id, (engine.starts.get(spec.id) ?? 0) + 1);
      engine.specs.set(spec.id, spec);
      const report: AttemptReport = { id: spec.id, state: 'running', startedAt: now() };
      change(report);
      const end = engine.autoEnd?.(spec) ?? null;
      if (end !== null) engine.end(spec.id, end);
      return report;
    },
    lookup: async (ids) => answer(ids.map((id) => states.get(id) ?? { id, state: 'unknown' })),
    list: async () => answer([...states.values()]),
    watch: (given, { signal }) => {
      listener = given;
      signal.addEventListener('abort', () => {
        if (listener === given) listener = null;
      });
    },
    stop: async (id, { graceMs }) => {
      engine.stops.push(answer({ id, graceMs }));
      if (!states.has(id)) barred.add(id);
      if (states.get(id)?.state === 'running') engine.end(id, { kind: 'signalled', signal: 'SIGTERM' });
    },
    logs: () => {
      throw new AppError('not_found', 'No log.');
    },
    exec: () => Promise.reject(new AppError('conflict', 'Nothing runs.')),
    forget: async (id) => {
      engine.forgotten.push(answer(id));
      states.delete(id);
    },
    tidy: async () => {
      engine.tidied += answer(1);
    },
    close: async () => undefined,
  };
  return engine;
}
