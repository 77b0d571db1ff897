// A clock that moves when it is told to.

import type { Clock } from '../../../../store/state/mvcc/clock.ts';

export interface VirtualClock extends Clock {
  /** Fires what falls due, in order, and lets promises settle after each. */
  advance(ms: number): Promise<void>;
}

export function createVirtualClock(): VirtualClock {
  let now = 1_000;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  const settle = () => new Promise((resume) => setImmediate(resume));

  async function advance(ms: number): Promise<void> {
    const end = now + ms;
    for (;;) {
      const [next] = [...timers].filter((timer) => timer.at <= end).sort((left, right) => left.at - right.at);
      if (next === undefined) break;
      timers.delete(next);
      now = next.at;
      next.run();
      await settle();
    }
    now = end;
    await settle();
  }

  return {
    now: () => now,
    setTimer(delayMs, run) {
      const timer = { at: now + delayMs, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance,
  };
}
