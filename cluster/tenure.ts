// Holding a key under a lease: for how long this node may believe in it, and how it is kept. Leading and being a member are both
// such tenures.

import { setMaxListeners } from 'node:events';
import type { AppError } from '../store/model/errors.ts';
import { errorText, isAppError } from '../store/model/errors.ts';
import type { ClusterLog, ClusterTimings } from './timings.ts';
import type { StoreLine } from './store-line.ts';
import { pause } from './waiting.ts';

/** The own timer never looks more often than this, whatever its deadline says. */
const LOOK_MS_MIN = 10;

export interface Tenure {
  readonly signal: AbortSignal;
  /** Throws once this node can no longer be sure that it holds the key. */
  readonly check: () => void;
  /** Counted from the sending of the last keep-alive that was answered, on the monotonic clock. */
  extend(sentAtMs: number): void;
  readonly end: (why: string) => void;
  /** Until the deadline, as it stands now. */
  leftMs(): number;
}

export interface TenureOptions {
  readonly sentAtMs: number;
  /** How long an answered keep-alive lets us hold on. */
  readonly holdMs: number;
  readonly monotonicMs: () => number;
  readonly ended: (why: string) => AppError;
}

export function createTenure({ sentAtMs, holdMs, monotonicMs, ended }: TenureOptions): Tenure {
  const controller = new AbortController();
  // All duties and their pauses listen to this one signal: more than ten are no leak.
  setMaxListeners(0, controller.signal);
  let deadlineMs = sentAtMs + holdMs;

  function end(why: string): void {
    if (!controller.signal.aborted) controller.abort(ended(why));
  }

  return {
    signal: controller.signal,
    check: () => {
      if (monotonicMs() >= deadlineMs) end('no keep-alive was answered in time');
      controller.signal.throwIfAborted();
    },
    extend: (sent) => {
      deadlineMs = Math.max(deadlineMs, sent + holdMs);
    },
    end,
    leftMs: () => deadlineMs - monotonicMs(),
  };
}

export interface KeepingDeps {
  readonly line: StoreLine;
  readonly timings: ClusterTimings;
  readonly monotonicMs: () => number;
  readonly log: ClusterLog;
}

/** Keeps the lease, and ends the tenure by its own timer when that fails for too long. Resolves when the tenure is over. */
export async function keepTenure(deps: KeepingDeps, tenure: Tenure, lease: string): Promise<void> {
  await Promise.all([keepAlive(deps, tenure, lease), watchDeadline(tenure)]);
}

async function keepAlive({ line, timings, monotonicMs, log }: KeepingDeps, tenure: Tenure, lease: string) {
  const { signal } = tenure;
  // The grant counts as the first keep-alive.
  await pause(tenure.leftMs() - timings.holdMs + timings.keepAliveMs, signal);
  while (!signal.aborted) {
    const sentAtMs = monotonicMs();
    let nextMs = timings.keepAliveMs;
    try {
      await line.keep(lease);
      tenure.extend(sentAtMs);
    } catch (error) {
      if (isAppError(error, 'not_found')) return tenure.end('the lease is gone');
      log.warn({ error: errorText(error) }, 'keep-alive was not answered');
      // The next one goes to another member of the store, and a leader that waits looks as if it were cut off.
      nextMs = timings.keepAliveDeadlineMs;
    }
    await pause(sentAtMs + nextMs - monotonicMs(), signal);
  }
}

async function watchDeadline(tenure: Tenure): Promise<void> {
  while (!tenure.signal.aborted) {
    await pause(Math.max(tenure.leftMs(), LOOK_MS_MIN), tenure.signal);
    try {
      tenure.check();
    } catch {
      return;
    }
  }
}
