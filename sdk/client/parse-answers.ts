// The server's answers as types. Their shapes are not looked at again: the server's schemas vouch for them, and a test compares
// those with the types here.

import { ApiError } from './errors.ts';

/** Throws SyntaxError when the text is no JSON. */
export function parseAnswer<T>(text: string): T {
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

interface Refusal {
  readonly status: number;
  /** The body: JSON from Gofer itself, anything from a proxy on the way. */
  readonly text: string;
  /** When the body says nothing. */
  readonly otherwise: { readonly message: string; readonly requestId: string };
  readonly retryAfterMs: number | null;
}

export function parseRefusal({ status, text, otherwise, retryAfterMs }: Refusal): ApiError {
  try {
    const body = (JSON.parse(text) ?? {}) as { readonly message?: unknown; readonly request_id?: unknown };
    const message = typeof body.message === 'string' ? body.message : otherwise.message;
    const requestId = typeof body.request_id === 'string' ? body.request_id : otherwise.requestId;
    return new ApiError(status, message, requestId, retryAfterMs);
  } catch {
    return new ApiError(status, otherwise.message, otherwise.requestId, retryAfterMs);
  }
}
