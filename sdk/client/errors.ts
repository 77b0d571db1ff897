// How calls fail: the API said no, or it could not be reached at all.

/** The API answered with an error. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** Finds the request in the server's log; '' when the answer had none. */
  readonly requestId: string;
  /** When the server asks to be tried again; null = it did not say. */
  readonly retryAfterMs: number | null;

  constructor(status: number, message: string, requestId: string, retryAfterMs: number | null = null) {
    super(message);
    this.status = status;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Nothing answered at the base URL. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  readonly baseUrl: string;

  constructor(baseUrl: string, cause: unknown) {
    super(`Gofer cannot be reached at ${baseUrl} (${reasonOf(cause)}).`, { cause });
    this.baseUrl = baseUrl;
  }
}

/** A stream was closed by the server for a reason other than its end. */
export class StreamClosedError extends Error {
  override readonly name = 'StreamClosedError';
  /** WebSocket close code. */
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason === '' ? `the stream was closed with code ${code}` : reason);
    this.code = code;
  }
}

/** The server is away, or a balancer in front of it has none to ask (RFC 9110, 15.6). */
const AWAY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);
/** An old promise of the API: what the operator has turned off is answered with 503 as well. */
const TURNED_OFF = / is disabled: /;

/** Another server, or the same one a little later, may answer. */
export function isAway(error: unknown): error is UnreachableError | ApiError {
  if (error instanceof ApiError) return AWAY_STATUSES.has(error.status) && !TURNED_OFF.test(error.message);
  return error instanceof UnreachableError;
}

/** The innermost cause says most: "fetch failed" says nothing. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return error.message === '' ? code : error.message;
}
