// A node's way to the engine host: the engine port, with every call on the wire. News come as they do from a real engine: in order,
// and after a break with a word that something may have been missed.

import { AppError } from '../../store/model/errors.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import type { Engine, EngineListener, LogChunk } from '../../scheduler/engines/port.ts';
import type { EngineHost } from './engine-host.ts';
import type { Process, Universe } from './universe.ts';
import type { Wire } from './wire.ts';
import { LinkError } from './wire.ts';

export interface EngineLinkDeps {
  readonly universe: Universe;
  readonly wire: Wire;
  readonly process: Process;
  readonly host: EngineHost;
}

const CALL_DEADLINE_MS = 1_500;
/** A stream that broke is opened again after about this time. */
const REOPEN_MS = 250;

export function createEngineLink(deps: EngineLinkDeps): Engine {
  const { wire, process, host } = deps;

  async function ask<T>(call: string, serve: () => T): Promise<T> {
    try {
      return await wire.call({ process, place: 'engine', call, deadlineMs: CALL_DEADLINE_MS }, async () => serve());
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      throw new AppError('unavailable', 'The engine does not answer.', { detail: error.message });
    }
  }

  async function* logs(id: AttemptId): AsyncIterable<LogChunk> {
    const log = await ask('logs', () => host.log(id));
    if (log === null) throw new AppError('not_found', `There is no log of ${id}.`);
    yield { stream: 'stdout', at: log.at, bytes: Buffer.from(log.text) };
  }

  return {
    kind: 'process',
    reach: { scope: 'shared', where: 'the simulated engine' },
    identity: async () => 'the simulated engine',
    submit: async (spec, { signal }) => {
      signal.throwIfAborted();
      return ask(`submit ${spec.id}`, () => host.submit(spec.id));
    },
    lookup: (ids) => ask('lookup', () => ids.map((id) => host.lookup(id))),
    list: () => ask('list', () => host.list()),
    watch: (listener, { signal }) => follow(deps, listener, signal),
    stop: (id, { graceMs }) => ask(`stop ${id}`, () => host.stop(id, graceMs)),
    logs,
    exec: async () => {
      throw new AppError('conflict', 'Simulated bodies have no room for a second process.');
    },
    forget: (id) => ask(`forget ${id}`, () => host.forget(id)),
    tidy: async () => undefined,
    close: async () => undefined,
  };
}

/** The same engine as an object of functions, so that some of them can be replaced. */
export function plainEngine(engine: Engine): Engine {
  return {
    kind: engine.kind,
    reach: engine.reach,
    identity: () => engine.identity(),
    submit: (spec, options) => engine.submit(spec, options),
    lookup: (ids, options) => engine.lookup(ids, options),
    list: () => engine.list(),
    watch: (listener, options) => engine.watch(listener, options),
    stop: (id, options) => engine.stop(id, options),
    logs: (id, options) => engine.logs(id, options),
    exec: (id, options) => engine.exec(id, options),
    forget: (id) => engine.forget(id),
    tidy: () => engine.tidy(),
    close: () => engine.close(),
  };
}

function follow(
  { universe, wire, process, host }: EngineLinkDeps,
  listener: EngineListener,
  signal: AbortSignal,
): void {
  let isBroken = false;
  let lastMs = 0;

  function reopen(): void {
    if (signal.aborted) return;
    const delayMs = wire.send({ from: process.name, to: 'engine', back: true });
    if (delayMs === null || wire.down.has('engine')) {
      universe.timer(REOPEN_MS, process, reopen);
      return;
    }
    isBroken = false;
    listener.missed('the stream was opened again');
  }

  const leave = host.subscribe((report) => {
    if (!process.isAlive) return leave();
    if (isBroken) return;
    const delayMs = wire.send({ from: process.name, to: 'engine', back: true });
    if (delayMs === null || wire.down.has('engine')) {
      isBroken = true;
      universe.timer(REOPEN_MS, process, reopen);
      return;
    }
    lastMs = Math.max(lastMs, universe.nowMs + delayMs);
    universe.after(lastMs - universe.nowMs, process, () => {
      if (!signal.aborted) listener.changed(report);
    });
  });
  signal.addEventListener('abort', leave, { once: true });
}
