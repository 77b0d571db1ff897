// How a member feels, and how fast its view of the store is: its own record, written again and again, is seen coming back on the
// watch. A node whose store belongs to it alone writes its record only when it has something else to say.

import type { MemberHealth } from '../store/model/cluster.ts';

/** One write of the record on its way from the store through the watch back to its writer. */
export interface Echo {
  /** The watch brought the record as of this revision. */
  seen(revision: number): void;
  written(revision: number): void;
  /** Null before the first write. Grows while an echo is missing. */
  lagMs(): number | null;
}

export function createEcho(monotonicMs: () => number): Echo {
  let seenRevision = 0;
  let lagMs: number | null = null;
  let missing: { readonly revision: number; readonly sinceMs: number } | null = null;

  return {
    seen(revision) {
      seenRevision = Math.max(seenRevision, revision);
      if (missing === null || missing.revision > seenRevision) return;
      lagMs = monotonicMs() - missing.sinceMs;
      missing = null;
    },
    written(revision) {
      // The oldest missing echo tells the lag; younger ones would hide it.
      if (revision > seenRevision) missing ??= { revision, sinceMs: monotonicMs() };
      else lagMs = 0;
    },
    lagMs: () => (missing === null ? lagMs : Math.max(lagMs ?? 0, monotonicMs() - missing.sinceMs)),
  };
}

/** What the next record says beside the node's description. */
export interface MemberState {
  readonly standsBack: string | null;
  readonly health: MemberHealth;
}
