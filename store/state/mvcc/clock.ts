// Time as the state stores see it: monotonic and handed in, so that a simulation can drive it.

export interface Clock {
  /** Milliseconds that never go back; only differences mean anything. */
  now(): number;
  /** Runs once after the delay; the function returned calls it off. */
  setTimer(delayMs: number, run: () => void): () => void;
}

/** The process's own clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
