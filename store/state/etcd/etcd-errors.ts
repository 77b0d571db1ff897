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
} from 'etcd3';
import { AppError, errorText } from '../../model/errors.ts';
import type { WriteOutcome } from '../../model/errors.ts';
import { CompactedError } from '../port.ts';

/** Never left this process: no connection stood, so nothing can have been applied. */
const NOT_SENT = /No connection established|ECONNREFUSED|ENOTFOUND|Name resolution failed|EHOSTUNREACH/;
/** The member refused before it proposed anything to the others (etcd, rpctypes/error.go). */
const NOT_PROPOSED = /too many requests|not capable|no leader|request is too large/;

/** The call never reached a member: another one may be asked, whatever the call does. */
export function wasNotSent(error: unknown): boolean {
  return NOT_SENT.test(errorText(error));
}

/** An answer of etcd itself, which another member would give as well. */
export function isAnswer(error: unknown): boolean {
  return toRefusal(error) !== null;
}

/** As the port promises. `compacted` is the revision that was asked for when history is gone. */
export function toStoreError(error: unknown, options: { readonly write: boolean; readonly compacted?: number }): Error {
  if (error instanceof AppError || error instanceof CompactedError) return error;
  const text = errorText(error);
  if (/required revision has been compacted/.test(text)) return new CompactedError(options.compacted ?? 0);
  const refusal = toRefusal(error);
  if (refusal !== null) return refusal;
  if (!options.write) return unavailable(error);
  return unavailable(error, wasNotSent(error) || NOT_PROPOSED.test(text) ? 'not_applied' : 'unknown');
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
  if (error instanceof GRPCInvalidArgumentError) {
    return NOT_PROPOSED.test(detail.detail) || /too many operations/.test(detail.detail)
      ? new AppError('limit', 'The transaction is larger than etcd takes.', detail)
      : new AppError('invalid', 'etcd refuses the request.', detail);
  }
  if (error instanceof GRPCResourceExhastedError && /database space exceeded/.test(detail.detail)) {
    return new AppError('unavailable', 'etcd has no space left: it is read-only until its alarm is cleared.', detail);
  }
  if (
    error instanceof EtcdPermissionDeniedError ||
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdInvalidAuthTokenError ||
    error instanceof GRPCFailedPreconditionError
  ) {
    return new AppError('unavailable', 'etcd does not allow this to us: check its user, role and certificate.', detail);
  }
  return null;
}
