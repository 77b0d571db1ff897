// When a call is sent again. One that never reached a server may always be; one that may have been carried out only when sending it
// twice does the same as sending it once.

import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, isAway } from './errors.ts';

/** A node that dies is replaced within a second, a machine within a lease of a few; a balancer notices both a little later. */
export const RETRY_TOTAL_MS = 30_000;
/** Where nothing has ever answered, somebody waits for the message that the address is wrong, or that no server was started. */
const FIRST_CONTACT_MS = 1_000;
/** Without the head of an answer for so long, a server is taken for frozen. Used only where the call may be sent again. */
export const ANSWER_MAX_MS = 10_000;

const PAUSE_FIRST_MS = 50;
const PAUSE_MAX_MS = 2_000;
/** Clients that failed together do not come back together: pauses are cut by up to this part. */
const JITTER = 0.5;

/** The connection was not made. */
const NOT_SENT = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];
/** It broke, or nothing came back. What is in neither list, such as a wrong certificate or name, is there to stay. */
const BROKEN = ['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT'].concat(
  ['UND_ERR_BODY_TIMEOUT', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED'],
);

export interface RetryRules {
  /** Sending it twice does the same as sending it once. */
  readonly repeatable: boolean;
  /** All of it can be sent again: no stream that was read meanwhile. */
  readonly replayable: boolean;
}

export interface RetryParts {
  readonly totalMs: number;
  /** How many base URLs there are: those that are left are tried without a pause. */
  readonly places: number;
  /** Whether any server has ever answered; set here. */
  readonly contact: { made: boolean };
  /** Turns to the next base URL. */
  readonly onFailure: () => void;
  readonly signal: AbortSignal | undefined;
}

/** `send` is told whether an earlier try may have been carried out. Throws the last error. */
export async function retried<T>(
  { totalMs, places, contact, onFailure, signal }: RetryParts,
  rules: RetryRules,
  send: (maybeDone: boolean) => Promise<T>,
): Promise<T> {
  const begun = performance.now();
  let maybeDone = false;
  for (let failures = 1; ; failures += 1) {
    try {
      const answer = await send(maybeDone);
      contact.made = true;
      return answer;
    } catch (error) {
      signal?.throwIfAborted();
      contact.made ||= error instanceof ApiError;
      const meaning = meaningOf(error);
      const again = rules.replayable && (meaning === 'not sent' || (meaning === 'unclear' && rules.repeatable));
      if (!again) throw error;
      onFailure();
      maybeDone ||= meaning === 'unclear';
      const waitMs = failures % places === 0 ? waitOf(error, failures / places) : 0;
      const limitMs = contact.made ? totalMs : Math.min(totalMs, FIRST_CONTACT_MS);
      if (performance.now() - begun + waitMs > limitMs) throw error;
      if (waitMs > 0) await pause(waitMs, undefined, { signal });
    }
  }
}

function meaningOf(error: unknown): 'not sent' | 'unclear' | 'final' {
  if (!isAway(error)) return 'final';
  if (error instanceof ApiError) return 'unclear';
  const codes = codesOf(error.cause);
  if (codes.some((code) => NOT_SENT.includes(code))) return 'not sent';
  return codes.some((code) => BROKEN.includes(code)) ? 'unclear' : 'final';
}

function waitOf(error: unknown, failures: number): number {
  const backOff = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (failures - 1)) * (1 - JITTER * Math.random());
  const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(backOff, asked);
}

function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : [];
  return [...own, ...codesOf(error.cause)];
}

/** Stands for an answer that did not come in time. */
export class NoAnswerError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor() {
    super(`no answer within ${ANSWER_MAX_MS / 1_000} seconds`);
  }
}

/** Null = nothing that can be understood. Seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  const ms = /^[0-9]+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}
