// How long a reader of a stream bears with a server that restarts, moves to another node, or is out of reach. What may pass is waited
// for with growing pauses; what will not pass is thrown at once.

import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, isAway, StreamClosedError } from './errors.ts';

const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 1_000;

/** A machine that is replaced comes back within this time. */
const AWAY_MAX_MS = 10 * 60_000;

/** A server that answers, but with a fault of its own, is asked this often in a row: about 5 seconds. */
const FAULTS_MAX = 8;

/** Going away, broken off, a fault, restarting (RFC 6455, 7.4.1). */
const PASSING_CODES: ReadonlySet<number> = new Set([1001, 1006, 1011, 1012, 1013]);
const BROKEN_OFF = 1006;

/** A stream that has held so long was no fault, though nothing came on it. */
const STEADY_MS = 5_000;

export interface Patience {
  /** Waits before the next try; throws the error when another try would not help. `heldMs`: how long the stream was open. */
  readonly bear: (error: unknown, heldMs?: number) => Promise<void>;
  /** It worked again. */
  readonly renew: () => void;
}

export interface PatienceParts {
  readonly signal?: AbortSignal | undefined;
  readonly now: () => number;
  /** Told once for each time that it goes wrong, for the person who waits. */
  readonly onTrouble?: (error: unknown) => void;
  readonly onRecovery?: () => void;
}

export function createPatience({ signal, now, onTrouble, onRecovery }: PatienceParts): Patience {
  let failures = 0;
  let since = 0;
  const renew = () => {
    if (failures > 0) onRecovery?.();
    failures = 0;
  };
  return {
    async bear(error, heldMs = 0) {
      if (signal?.aborted === true || !mayPass(error)) throw error;
      if (heldMs >= STEADY_MS) renew();
      if (failures === 0) {
        since = now();
        onTrouble?.(error);
      }
      failures += 1;
      const away = isAway(error) || (error instanceof StreamClosedError && error.code === BROKEN_OFF);
      if (away ? now() - since > AWAY_MAX_MS : failures > FAULTS_MAX) throw error;
      const backOff = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (failures - 1));
      await pause(backOff, undefined, signal === undefined ? {} : { signal });
    },
    renew,
  };
}

function mayPass(error: unknown): boolean {
  if (error instanceof StreamClosedError) return PASSING_CODES.has(error.code);
  return isAway(error) || (error instanceof ApiError && error.status >= 500 && error.status !== 501);
}
