// What etcd's refusals mean for a caller: which are certain, which leave a write's outcome open, and which another member may not give.

import {
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCNotFoundError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
} from 'etcd3';
import { AppError, errorText } from '../../model/errors.ts';
import type { WriteOutcome } from '../../model/errors.ts';
import { CompactedError } from '../port.ts';

/** Never left this process: no connection stood, so nothing can have been applied. */
const NOT_SENT =
  /No connection established|Channel closed before call started|ECONNREFUSED|ENOTFOUND|Name resolution failed|EHOSTUNREACH/;
/** The member refused before it proposed anything to the others (etcd, rpctypes/error.go). */
const NOT_PROPOSED = /too many requests|not capable|no leader/;
const TOO_LARGE = /request is too large|too many operations|received message larger than max/;
const NO_SPACE = /database space exceeded/;

/** The call never reached a member: another one may be asked, whatever the call does. */
export function wasNotSent(error: unknown): boolean {
  return NOT_SENT.test(errorText(error));
}

/** An answer of etcd itself, which another member would give as well. */
export function isAnswer(error: unknown): boolean {
  return toRefusal(error) !== null;
}

export function isNoSpace(error: unknown): boolean {
  return NO_SPACE.test(errorText(error));
}

/** User, password or role are wrong: it will not get better by itself. */
export function isDenied(error: unknown): boolean {
  return (
    error instanceof EtcdPermissionDeniedError ||
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdInvalidAuthTokenError ||
    error instanceof GRPCUnauthenticatedError ||
    error instanceof GRPCFailedPreconditionError ||
    // What it says to who has no user at all.
    /user name is empty/.test(errorText(error))
  );
}

export interface ErrorMeaning {
  readonly write: boolean;
  /** False when it is known that nothing went out. */
  readonly sent?: boolean;
  /** The revision that was asked for, when history is gone. */
  readonly compacted?: number;
}

/** As the port promises. */
export function toStoreError(error: unknown, { write, sent = true, compacted }: ErrorMeaning): Error {
  if (error instanceof AppError || error instanceof CompactedError) return error;
  const text = errorText(error);
  if (/required revision has been compacted/.test(text)) return new CompactedError(compacted ?? 0);
  const refusal = toRefusal(error);
  if (refusal !== null) return refusal;
  if (!write) return unavailable(error);
  return unavailable(error, !sent || wasNotSent(error) || NOT_PROPOSED.test(text) ? 'not_applied' : 'unknown');
}

function unavailable(error: unknown, outcome?: WriteOutcome): AppError {
  const more = outcome === undefined ? {} : { outcome };
  return new AppError('unavailable', 'The state store does not answer.', {
    detail: errorText(error),
    cause: error,
    ...more,
  });
}

function toRefusal(error: unknown): Error | null {
  const detail = { detail: errorText(error), cause: error, outcome: 'not_applied' as const };
  if (error instanceof EtcdLeaseInvalidError || error instanceof GRPCNotFoundError) {
    return new AppError('not_found', 'The lease is gone.', detail);
  }
  if (error instanceof GRPCOutOfRangeError) {
    if (/compacted/.test(detail.detail)) return new CompactedError(0);
    return new AppError('invalid', 'The revision is in the future.', detail);
  }
  if (isDenied(error)) {
    return new AppError('unavailable', 'The state store refuses us: its user, password or role is wrong.', detail);
  }
  const isRefused = error instanceof GRPCInvalidArgumentError || error instanceof GRPCResourceExhastedError;
  if (isRefused && TOO_LARGE.test(detail.detail)) {
    return new AppError('limit', 'The transaction is larger than the state store takes.', detail);
  }
  if (error instanceof GRPCInvalidArgumentError) {
    return new AppError('invalid', 'The state store refuses the request.', detail);
  }
  if (error instanceof GRPCResourceExhastedError && isNoSpace(error)) {
    return new AppError('unavailable', 'The state store is full: it takes no writes until space was made.', detail);
  }
  return null;
}
