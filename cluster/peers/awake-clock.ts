// Time during which this process could have heard something. A process that was frozen, or starved of its processor, heard nothing
// because it did not listen: that silence says nothing of its peers, and must not depose a leader.

export interface AwakeClock {
  /** Milliseconds; only differences mean anything. */
  now(): number;
  stop(): void;
}

interface AwakeClockParts {
  readonly monotonicMs: () => number;
  readonly tickMs: number;
}

/** Ticks that come later than this many ticks mean that the process did not run. */
const LATE_TICKS = 2;

export function createAwakeClock({ monotonicMs, tickMs }: AwakeClockParts): AwakeClock {
  const lateMs = tickMs * LATE_TICKS;
  let last = monotonicMs();
  let awake = 0;
  const now = () => {
    const at = monotonicMs();
    const gap = at - last;
    last = at;
    awake += gap > lateMs ? tickMs : gap;
    return awake;
  };
  const timer = setInterval(now, tickMs);
  timer.unref();
  return { now, stop: () => clearInterval(timer) };
}
