// Where bodies run, in its simplest honest form: a submission is one step that claims the attempt's id, as with a Nomad job id or the
// process engine's mkdir. All nodes reach the same place; what it promises is said in scheduler/engines/port.ts.

import type { AttemptId, Instant } from '../../store/model/ids.ts';
import type { AttemptReport } from '../../store/model/report.ts';
import type { AttemptEnd } from '../../store/model/run.ts';
import { AppError } from '../../store/model/errors.ts';
import type { Bodies, RunningBody } from './bodies.ts';
import { wallMs } from './clocks.ts';
import type { Universe } from './universe.ts';

interface Attempt {
  report: AttemptReport;
  readonly body: RunningBody;
  readonly log: string;
}

export interface EngineHost {
  submit(id: AttemptId): AttemptReport;
  lookup(id: AttemptId): AttemptReport;
  list(): readonly AttemptReport[];
  stop(id: AttemptId, graceMs: number): void;
  /** Null when there is nothing under this id. */
  log(id: AttemptId): { readonly at: Instant; readonly text: string } | null;
  forget(id: AttemptId): void;
  subscribe(changed: (report: AttemptReport) => void): () => void;
}

export interface EngineHostDeps {
  readonly universe: Universe;
  readonly bodies: Bodies;
  /** For the mutation list: promises that are not kept. */
  readonly broken: { readonly claim: boolean; readonly tombstone: boolean };
}

export function createEngineHost({ universe, bodies, broken }: EngineHostDeps): EngineHost {
  const attempts = new Map<AttemptId, Attempt>();
  const forgotten = new Set<AttemptId>();
  const listeners = new Set<(report: AttemptReport) => void>();
  const now = () => wallMs(universe, null);

  function tell(report: AttemptReport): void {
    for (const changed of listeners) changed(report);
  }

  function start(id: AttemptId): AttemptReport {
    const startedAt = now();
    const body = bodies.start(id, (end: AttemptEnd) => {
      const attempt = attempts.get(id);
      if (attempt === undefined) return;
      attempt.report = { id, state: 'ended', startedAt, endedAt: Math.max(startedAt, now()), end };
      tell(attempt.report);
    });
    const report: AttemptReport = { id, state: 'running', startedAt };
    attempts.set(id, { report, body, log: logText(id) });
    tell(report);
    return report;
  }

  function lookup(id: AttemptId): AttemptReport {
    return attempts.get(id)?.report ?? { id, state: 'unknown' };
  }

  return {
    lookup,
    submit: (id) => {
      if (forgotten.has(id)) return { id, state: 'unknown' };
      return attempts.has(id) && !broken.claim ? lookup(id) : start(id);
    },
    list: () => [...attempts.values()].map(({ report }) => report),
    stop: (id, graceMs) => {
      const body = attempts.get(id)?.body;
      // A submission that is still on its way starts nothing any more.
      if (body === undefined) forgotten.add(id);
      if (body === undefined) return;
      if (graceMs === 0) body.kill();
      else {
        body.terminate();
        universe.after(graceMs, null, () => body.kill());
      }
    },
    log: (id) => {
      const attempt = attempts.get(id);
      return attempt === undefined ? null : { at: now(), text: attempt.log };
    },
    forget: (id) => {
      if (lookup(id).state === 'running') throw new AppError('conflict', 'A task that runs cannot be forgotten.');
      attempts.delete(id);
      if (!broken.tombstone) forgotten.add(id);
    },
    subscribe: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  };
}

/** What every body prints. */
export function logText(id: AttemptId): string {
  return `this is ${id}\n`;
}
