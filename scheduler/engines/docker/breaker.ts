// The circuit breaker in front of the daemon: while it is open, calls fail at once and do not queue up behind a daemon that hangs.

import CircuitBreaker from 'opossum';
import { AppError, isAppError } from '../../../store/model/errors.ts';

/** Half of at least five calls failed within ten seconds: fail at once, and let one call try after a second. */
const LIMITS = { errorThresholdPercentage: 50, volumeThreshold: 5, rollingCountTimeout: 10_000, resetTimeout: 1_000 };

export type BreakerState = 'closed' | 'half_open' | 'open';

export interface Breaker {
  /** Only 'unavailable' counts as a failure of the daemon. */
  through<T>(work: () => Promise<T>): Promise<T>;
  state(): BreakerState;
  close(): void;
}

export function createBreaker(): Breaker {
  const breaker = new CircuitBreaker((work: () => Promise<void>) => work(), {
    ...LIMITS,
    // Calls have deadlines of their own.
    timeout: false,
    errorFilter: (error: unknown) => !isAppError(error, 'unavailable'),
  });
  return {
    async through<T>(work: () => Promise<T>) {
      const results: T[] = [];
      try {
        await breaker.fire(async () => {
          results.push(await work());
        });
      } catch (error) {
        if (!(error instanceof Error) || !CircuitBreaker.isOurError(error)) throw error;
        throw new AppError('unavailable', 'The Docker daemon is not reachable.', { detail: 'the breaker is open' });
      }
      for (const result of results) return result;
      throw new AppError('internal', 'The Docker client lost an answer.');
    },
    state: () => (breaker.halfOpen ? 'half_open' : breaker.opened ? 'open' : 'closed'),
    close: () => breaker.shutdown(),
  };
}
