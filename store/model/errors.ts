// The errors that we expect, with a closed set of codes, and the one way to stop on those that we do not.
// `message` is for the caller and leaks nothing; `detail` is for the operator's log.

export type ErrorCode =
  | 'invalid'
  | 'not_found'
  | 'conflict'
  | 'denied'
  /** Nobody may, whatever the token. */
  | 'forbidden'
  | 'unauthenticated'
  | 'limit'
  | 'unavailable'
  | 'lost_leadership'
  | 'internal';

/** What is known of a write whose call failed: a timed-out write is `unknown`, never failed. */
export type WriteOutcome = 'not_applied' | 'unknown';

export interface AppErrorOptions {
  readonly detail?: string;
  readonly cause?: unknown;
  /** Only for failed writes: whether the write may have been applied all the same. */
  readonly outcome?: WriteOutcome;
}

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly outcome: WriteOutcome | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.outcome = options.outcome;
  }
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** The text of anything that was thrown, for logs and for wrapped errors. */
export function errorText(error: unknown): string {
  if (error instanceof AppError && error.detail !== undefined) return `${error.message} (${error.detail})`;
  return error instanceof Error ? error.message : String(error);
}

/** A broken promise of our own code. Never caught: the process stops and the next leader takes over. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
  readonly id: string;

  constructor(id: string, message: string) {
    super(`invariant ${id} broken: ${message}`);
    this.id = id;
  }
}

/** Asserts one thing that must hold. `id` names the invariant in the folder READMEs and in the checks. */
export function invariant(id: string, holds: boolean, message: string): asserts holds {
  if (!holds) throw new InvariantError(id, message);
}
