// How long a command that follows something bears with a server that restarts, moves to another node, or is out of reach.
// What may pass is waited for with growing pauses; what will not pass is thrown at once.

import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, StreamClosedError, UnreachableError } from '../../../sdk/client/errors.ts';

const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 1_000;

/** A machine that is replaced comes back within this time. */
const AWAY_MAX_MS = 10 * 60_000;

/** A server that answers, but with a fault of its own, is asked this often in a row: about 5 seconds. */
const FAULTS_MAX = 8;

/** What a load balancer says that finds no server, and a server that has no store or no leader: the same as out of reach. */
const AWAY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/** Going away, broken off, a fault, restarting (RFC 6455, 7.4.1). */
const PASSING_CODES: ReadonlySet<number> = new Set([1001, 1006, 1011, 1012, 1013]);

export interface Patience {
  /** Waits before the next try; throws the error when another try would not help. */
  readonly bear: (error: unknown) => Promise<void>;
  /** It worked again. */
  readonly renew: () => void;
}

export interface PatienceParts {
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Told once for each time that it goes wrong, for the person who waits. */
  readonly onTrouble?: (error: unknown) => void;
  readonly onRecovery?: () => void;
}

export function createPatience({ signal, now, onTrouble, onRecovery }: PatienceParts): Patience {
  let failures = 0;
  let since = 0;
  return {
    async bear(error) {
      if (signal.aborted || !mayPass(error)) throw error;
      if (failures === 0) {
        since = now();
        onTrouble?.(error);
      }
      failures += 1;
      if (isAway(error) ? now() - since > AWAY_MAX_MS : failures > FAULTS_MAX) throw error;
      await pause(Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (failures - 1)), undefined, { signal });
    },
    renew() {
      if (failures > 0) onRecovery?.();
      failures = 0;
    },
  };
}

function isAway(error: unknown): boolean {
  if (error instanceof ApiError) return AWAY_STATUSES.has(error.status);
  return error instanceof UnreachableError || (error instanceof StreamClosedError && error.code === 1006);
}

function mayPass(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  if (error instanceof StreamClosedError) return PASSING_CODES.has(error.code);
  return error instanceof ApiError && error.status >= 500 && error.status !== 501;
}
