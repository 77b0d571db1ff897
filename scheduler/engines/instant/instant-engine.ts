// An engine without bodies, for benches and simulation: what is submitted runs for `bodyMs` and exits with 0. It keeps the
// promises about ids in memory, so they hold among all engines opened on the same `InstantPlace`.

import { randomUUID } from 'node:crypto';
import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId, Instant } from '../../../store/model/ids.ts';
import type { AttemptReport, Engine, EngineListener } from '../port.ts';

/** What outlives one engine: the attempts. `null` is a tombstone. */
export interface InstantPlace {
  readonly attempts: Map<AttemptId, InstantAttempt | null>;
  readonly changed: Set<(report: AttemptReport) => void>;
  readonly id: string;
}

interface InstantAttempt {
  report: AttemptReport;
  readonly startedAt: Instant;
  stop: (signal: string) => void;
}

export interface InstantEngineDeps {
  readonly place: InstantPlace;
  readonly now: () => Instant;
  /** How long a body "runs"; 0 = it ends at the next turn of the event loop. */
  readonly bodyMs?: number;
  /** Told of each body, when it starts. */
  readonly onBody?: (id: AttemptId) => void;
}

export function createInstantPlace(): InstantPlace {
  return { attempts: new Map(), changed: new Set(), id: randomUUID() };
}

/** Opens an engine on the place. Closing it leaves the bodies of the place alone. */
export function createInstantEngine({ place, now, bodyMs = 0, onBody }: InstantEngineDeps): Engine {
  const subscriptions = new Set<(report: AttemptReport) => void>();

  const lookupOne = (id: AttemptId) => lookupIn(place, id);

  function tell(report: AttemptReport): void {
    for (const changed of place.changed) changed(report);
  }

  function start(id: AttemptId): AttemptReport {
    const startedAt = now();
    const end = (how: Extract<AttemptReport, { state: 'ended' }>['end']) => {
      if (attempt.report.state === 'ended') return;
      attempt.report = { id, state: 'ended', startedAt, endedAt: Math.max(now(), startedAt), end: how };
      tell(attempt.report);
    };
    const attempt: InstantAttempt = {
      report: { id, state: 'running', startedAt },
      startedAt,
      stop: (signal) => {
        clearTimeout(timer);
        end({ kind: 'signalled', signal });
      },
    };
    const exit = () => end({ kind: 'exited', code: 0 });
    const timer = bodyMs > 0 ? setTimeout(exit, bodyMs) : undefined;
    if (timer === undefined) setImmediate(exit);
    place.attempts.set(id, attempt);
    onBody?.(id);
    tell(attempt.report);
    return attempt.report;
  }

  return {
    kind: 'instant',
    reach: { scope: 'local', where: 'memory of this process' },
    identity: async () => `instant ${place.id}`,
    async submit(spec, { signal }) {
      signal.throwIfAborted();
      return place.attempts.has(spec.id) ? lookupOne(spec.id) : start(spec.id);
    },
    lookup: async (ids) => ids.map(lookupOne),
    list: async () => [...place.attempts.values()].flatMap((attempt) => (attempt === null ? [] : [attempt.report])),
    watch(listener: EngineListener, { signal }) {
      const changed = (report: AttemptReport) => listener.changed(report);
      place.changed.add(changed);
      subscriptions.add(changed);
      signal.addEventListener('abort', () => place.changed.delete(changed), { once: true });
    },
    async stop(id, { graceMs }) {
      if (!place.attempts.has(id)) place.attempts.set(id, null);
      place.attempts.get(id)?.stop(graceMs === 0 ? 'SIGKILL' : 'SIGTERM');
    },
    async *logs(id) {
      requireKnown(place, id);
    },
    async exec(id) {
      requireKnown(place, id);
      throw new AppError('conflict', 'The instant engine has no bodies to run a command in.');
    },
    async forget(id) {
      if (lookupOne(id).state !== 'running') place.attempts.set(id, null);
    },
    tidy: async () => undefined,
    async close() {
      for (const changed of subscriptions) place.changed.delete(changed);
      subscriptions.clear();
    },
  };
}

function lookupIn(place: InstantPlace, id: AttemptId): AttemptReport {
  return place.attempts.get(id)?.report ?? { id, state: 'unknown' };
}

function requireKnown(place: InstantPlace, id: AttemptId): void {
  if (!place.attempts.get(id)) throw new AppError('not_found', `Attempt ${id} is not known.`);
}
