// Ends bodies: SIGTERM to the process group, SIGKILL when the grace is over. The grace is kept in memory only: whoever wanted the
// stop asks again after a restart, since the wish is a record in the state store.

import { errorText } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import { signalGroup } from './host-processes.ts';
import type { LauncherLog } from './launcher.ts';

/** Longest that a timer of Node can wait. */
const TIMER_MAX_MS = 2_147_483_647;

export interface StopperDeps {
  /** The body's process id, checked just now; null when it does not run. */
  readonly find: (id: AttemptId) => Promise<number | null>;
  readonly log: LauncherLog;
}

export interface Stopper {
  stop(id: AttemptId, graceMs: number): Promise<void>;
  close(): void;
}

export function createStopper({ find, log }: StopperDeps): Stopper {
  const kills = new Map<AttemptId, { readonly timer: NodeJS.Timeout; readonly at: number }>();

  function cancel(id: AttemptId): void {
    clearTimeout(kills.get(id)?.timer);
    kills.delete(id);
  }

  async function kill(id: AttemptId): Promise<void> {
    cancel(id);
    const pid = await find(id);
    if (pid !== null) signalGroup(pid, 'SIGKILL');
  }

  return {
    async stop(id, graceMs) {
      if (graceMs <= 0) return kill(id);
      const pid = await find(id);
      if (pid === null) return cancel(id);
      const at = performance.now() + graceMs;
      const before = kills.get(id);
      if (before !== undefined && before.at <= at) return;
      cancel(id);
      const end = () => {
        kill(id).catch((error: unknown) =>
          log.warn({ attemptId: id, error: errorText(error) }, 'body could not be killed'),
        );
      };
      kills.set(id, { timer: setTimeout(end, Math.min(graceMs, TIMER_MAX_MS)).unref(), at });
      // A body that was asked already is not asked again: to many programs a second SIGTERM means "at once".
      if (before === undefined) signalGroup(pid, 'SIGTERM');
    },
    close() {
      for (const id of [...kills.keys()]) cancel(id);
    },
  };
}
