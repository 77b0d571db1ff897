// Waiting that ends early: by a signal, by a bell, by a deadline. Nothing here leaves a listener or a timer behind.

import { AppError } from '../store/model/errors.ts';

/** Ends early, without an error, when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(finish, Math.max(0, ms));
    signal.addEventListener('abort', finish, { once: true });
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    }
  });
}

/** For signals that end soon: the listener stays until then. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** A call that never answers is as good as one that failed; what it wrote, if anything, is not known. */
export function within<T>(call: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const detail = `${what}: no answer within ${ms} ms`;
      reject(new AppError('unavailable', 'State store is not reachable.', { detail, outcome: 'unknown' }));
    }, ms);
    call.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** True when the work, which must not reject, was over in time. */
export async function isOverWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = new AbortController();
  const over = work.then(
    () => true,
    () => true,
  );
  const result = await Promise.race([over, pause(ms, late.signal).then(() => false)]);
  late.abort();
  return result;
}

/** Wakes one waiter. A ring while nobody waits is kept for the next wait; more than one are one. */
export interface Bell {
  ring(): void;
  /** Until the bell rings, the time is over or the signal aborts, whichever is first. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | null = null;

  function wait(ms: number, signal: AbortSignal): Promise<void> {
    if (rung || signal.aborted) {
      rung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(finish, Math.max(0, ms));
      signal.addEventListener('abort', finish, { once: true });
      wake = finish;
      function finish(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        wake = null;
        rung = false;
        resolve();
      }
    });
  }

  return {
    ring() {
      rung = true;
      wake?.();
    },
    wait,
  };
}
