// One request, one answer: headers, JSON both ways, errors as ApiError or UnreachableError. What may be sent again is, for a while, when
// a server goes away; with several base URLs the next one is asked.

import { ApiError, UnreachableError } from './errors.ts';
import { parseAnswer, parseRefusal } from './parse-answers.ts';
import { ANSWER_MAX_MS, NoAnswerError, RETRY_TOTAL_MS, retried, retryAfterMs } from './retry.ts';

export interface TransportOptions {
  /** Such as http://127.0.0.1:8080; a slash at the end is fine. Several, separated by commas, are nodes of one cluster. */
  readonly baseUrl: string;
  /** '' = none is sent. */
  readonly token: string;
  /** How long a call that may be sent again is; 0 = never. Default 30 seconds. */
  readonly retryMs?: number;
  /** Ends the waiting between tries, and the calls that wait for an answer. */
  readonly signal?: AbortSignal;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly bytes?: AsyncIterable<Uint8Array> | Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sending it twice does the same as sending it once. Absent = true for GET and DELETE. */
  readonly repeatable?: boolean;
  /** It is about a thing's end: should an earlier try have been carried out, that the thing is gone is a good answer. */
  readonly removes?: boolean;
}

export interface Transport {
  /** The one that is asked at the moment. */
  readonly baseUrl: () => string;
  /** That one did not answer: the next one is asked from now on. */
  readonly turn: () => void;
  readonly headers: Readonly<Record<string, string>>;
  readonly json: <T>(call: Call) => Promise<T>;
  /** The answer itself, when it is a good one. */
  readonly raw: (call: Call) => Promise<Response>;
  readonly url: (call: Pick<Call, 'path' | 'query'>) => string;
  /** Runs what may be done twice, again while servers are away, under the same rules as calls. */
  readonly retried: <T>(work: () => Promise<T>) => Promise<T>;
}

/** The one version of the API that this client speaks. */
const API_VERSION = 'v0';

export function createTransport({ baseUrl, token, retryMs, signal }: TransportOptions): Transport {
  const bases = baseUrl.split(',').map((base) => base.trim().replace(/\/+$/, ''));
  const headers = { 'gofer-api-version': API_VERSION, authorization: `Bearer ${token === '' ? 'none' : token}` };
  let turns = 0;
  const base = () => bases[turns % bases.length] ?? '';
  const turn = () => {
    turns += 1;
  };
  const parts = {
    ...{ totalMs: retryMs ?? RETRY_TOTAL_MS, places: bases.length, signal },
    ...{ onFailure: turn, contact: { made: false } },
  };

  function url({ path, query = {} }: Pick<Call, 'path' | 'query'>): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
    const text = parameters.toString();
    return `${base()}${path}${text === '' ? '' : `?${text}`}`;
  }

  async function once(call: Call): Promise<Response> {
    const asked = base();
    const waiting = patience(isRepeatable(call), signal);
    try {
      const answer = await fetch(url(call), { ...requestOf(call, headers), signal: waiting.signal });
      if (answer.ok) return answer;
      throw await apiError(answer);
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof ApiError ? error : new UnreachableError(asked, error);
    } finally {
      waiting.end();
    }
  }

  async function text(call: Call, maybeDone: boolean): Promise<string> {
    try {
      const answer = await once(call);
      const asked = base();
      return await answer.text().catch((error: unknown) => {
        throw new UnreachableError(asked, error);
      });
    } catch (error) {
      const isGone = maybeDone && call.removes === true && error instanceof ApiError && error.status === 404;
      if (isGone) return '';
      throw error;
    }
  }

  return {
    baseUrl: base,
    turn,
    headers,
    url,
    retried: (work) => retried(parts, { repeatable: true, replayable: true }, work),
    raw: (call) => retried(parts, rulesOf(call), () => once(call)),
    json: async <T>(call: Call) =>
      parseAnswer<T>(await retried(parts, rulesOf(call), (maybeDone) => text(call, maybeDone))),
  };
}

function isRepeatable({ method, repeatable }: Call): boolean {
  return repeatable ?? (method === 'GET' || method === 'DELETE');
}

function rulesOf(call: Call) {
  const { bytes } = call;
  const replayable = bytes === undefined || typeof bytes === 'string' || bytes instanceof Uint8Array;
  return { repeatable: isRepeatable(call), replayable };
}

/** Only the head of an answer is waited for: a body may be long. */
function patience(isLimited: boolean, signal: AbortSignal | undefined) {
  const waiting = new AbortController();
  const timer = isLimited ? setTimeout(() => waiting.abort(new NoAnswerError()), ANSWER_MAX_MS) : undefined;
  const abort = () => waiting.abort(signal?.reason);
  if (signal?.aborted === true) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  return {
    signal: waiting.signal,
    end: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}

function requestOf(call: Call, common: Readonly<Record<string, string>>): RequestInit {
  const headers = { ...common, ...call.headers };
  if (call.json !== undefined) {
    return {
      method: call.method,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(call.json),
    };
  }
  if (call.bytes === undefined) return { method: call.method, headers };
  const body =
    typeof call.bytes === 'string' || call.bytes instanceof Uint8Array ? call.bytes : ReadableStream.from(call.bytes);
  // Streams are sent while they are read: the answer comes after the whole of it.
  return {
    method: call.method,
    headers: { ...headers, 'content-type': 'application/octet-stream' },
    body,
    duplex: 'half',
  };
}

async function apiError(answer: Response): Promise<ApiError> {
  const text = await answer.text().catch(() => '');
  const otherwise = {
    message: `${answer.status} ${answer.statusText}`,
    requestId: answer.headers.get('x-request-id') ?? '',
  };
  const after = retryAfterMs(answer.headers.get('retry-after'), Date.now());
  return parseRefusal({ status: answer.status, text, otherwise, retryAfterMs: after });
}
