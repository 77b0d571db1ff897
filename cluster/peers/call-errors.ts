// Errors of calls between nodes: what the other node says is told apart from what becomes of the connection, by the code that only
// a node adds.

import { Metadata, status } from '@grpc/grpc-js';
import { AppError, isAppError } from '../../store/model/errors.ts';
import type { ErrorCode } from '../../store/model/errors.ts';
import { METADATA } from './dialer.ts';

const STATUS = {
  invalid: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  conflict: status.FAILED_PRECONDITION,
  denied: status.PERMISSION_DENIED,
  forbidden: status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  limit: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  lost_leadership: status.ABORTED,
  internal: status.INTERNAL,
} as const satisfies Readonly<Record<ErrorCode, status>>;

export interface CallRefusal {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What was not expected is told to the own log only. */
export function refusalOf(error: unknown): CallRefusal {
  const expected = isAppError(error) ? error : new AppError('internal', 'The node failed to do this.');
  const metadata = new Metadata();
  metadata.set(METADATA.code, expected.code);
  return { code: STATUS[expected.code], details: expected.message, metadata };
}

/** The other node's own words; null when the call failed on the way. */
export function refusedBy(error: unknown): AppError | null {
  if (!(error instanceof Error) || !('metadata' in error) || !(error.metadata instanceof Metadata)) return null;
  const [code] = error.metadata.get(METADATA.code);
  if (!isErrorCode(code)) return null;
  return new AppError(code, 'details' in error ? String(error.details) : error.message, { cause: error });
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(STATUS, code);
}

/** The gRPC status of a failed call; null when it is something else. */
export function statusOf(error: unknown): status | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;
}
