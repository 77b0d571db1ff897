// The one place where a fault becomes a status and a body (spec 1.2, 1.3). Only the text that is meant for the caller leaves;
// what the operator needs goes to the log.

import type { ErrorCode } from '../../store/model/errors.ts';
import { AppError, InvariantError, errorText } from '../../store/model/errors.ts';

export interface RestLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ErrorAnswer {
  readonly status: number;
  readonly message: string;
}

const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  unauthenticated: 401,
  // Clients of API version v0 know missing permission as 401 only.
  denied: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  limit: 400,
  unavailable: 503,
  lost_leadership: 503,
  internal: 500,
};

const NOT_FOUND = 'Not Found';
const UNEXPECTED: ErrorAnswer = { status: 500, message: 'Internal Server Error: the server made a mistake.' };

export interface Faults {
  readonly log: RestLog;
  /** A broken invariant ends the process: the server is told, not the caller. */
  readonly onBrokenInvariant: (error: InvariantError) => void;
}

export function answerTo(error: unknown, requestId: string, { log, onBrokenInvariant }: Faults): ErrorAnswer {
  if (error instanceof AppError) {
    if (STATUS[error.code] >= 500)
      log.warn({ requestId, error: errorText(error), cause: causeOf(error) }, 'request failed');
    return ofAppError(error);
  }
  if (error instanceof InvariantError) {
    onBrokenInvariant(error);
    return UNEXPECTED;
  }
  const refused = ofFramework(error);
  if (refused !== null) return refused;
  log.error({ requestId, error: stackOf(error) }, 'request failed in an unexpected way');
  return UNEXPECTED;
}

function ofAppError(error: AppError): ErrorAnswer {
  const status = STATUS[error.code];
  if (status === 503) return { status, message: `Service Unavailable: ${error.message}` };
  if (status === 500) return { status, message: `Internal Server Error: ${error.message}` };
  if (status === 404) return { status, message: NOT_FOUND };
  return { status, message: error.message };
}

/** What Fastify refuses by itself (schema, JSON, size, media type) is the caller's mistake, and 400 by the contract. */
function ofFramework(error: unknown): ErrorAnswer | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  const { statusCode } = error;
  if (typeof statusCode !== 'number' || statusCode < 400) return null;
  if (statusCode < 500) return { status: 400, message: error.message };
  return statusCode === 503 ? { status: 503, message: 'Service Unavailable: the server is stopping.' } : null;
}

function causeOf(error: AppError): string | undefined {
  return error.cause === undefined ? undefined : errorText(error.cause);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
