// The time that records and deadlines go by. This machine's wall clock may be wrong, and a leader whose clock is an hour ahead would end
// everything that has a time limit. So a node goes by the clocks of the majority when they agree that its own is far off, and waits a
// little for their verdict before it follows its own clock on a jump.
//
// Deadlines and event times are absolute instants: a clock that is set back must not hold them up, so it is then followed at the pace of
// the monotonic clock.

import type { Instant } from '../store/model/ids.ts';

export interface ClusterClock {
  /** For records and deadlines. Goes back only when the majority says that it was ahead. */
  readonly now: () => Instant;
  /** As this machine has it, right or wrong; never goes back. What others are measured against, and measure. */
  readonly own: () => Instant;
  /** How often `own` has jumped ahead: what was measured before the last time says nothing any more. */
  jumps(): number;
  /** By how much the majority is ahead of `own` now; 0 = they agree well enough. */
  follow(offsetMs: number): void;
}

export interface ClockSources {
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
}

/** A right clock is never adjusted by more in one step. */
const JUMP_MS = 1_000;
/** By then the others have been heard twice. */
const VERDICT_MS = 3_000;

const THIS_MACHINE: ClockSources = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** `alone`: there is nobody to wait for. */
export function createClusterClock({ alone }: { readonly alone: boolean }, sources = THIS_MACHINE): ClusterClock {
  let wall = sources.wallMs();
  let monotonic = sources.monotonicMs();
  let offset = 0;
  let jumps = 0;
  let unjudged = { byMs: 0, at: 0 };

  function own(): number {
    const at = sources.monotonicMs();
    const steady = wall + (at - monotonic);
    wall = Math.max(steady, sources.wallMs());
    monotonic = at;
    if (!alone && wall - steady > JUMP_MS) {
      jumps += 1;
      unjudged = { byMs: unjudgedMs() + wall - steady, at };
    }
    return wall;
  }

  function unjudgedMs(): number {
    return monotonic - unjudged.at < VERDICT_MS ? unjudged.byMs : 0;
  }

  return {
    now: () => Math.floor(own() + offset - unjudgedMs()),
    own: () => Math.floor(own()),
    jumps: () => jumps,
    follow: (offsetMs) => {
      offset = offsetMs;
      unjudged = { byMs: 0, at: 0 };
    },
  };
}
