// One request, one answer: headers, JSON both ways, errors as ApiError or UnreachableError. Reading requests are tried a second time
// when the connection broke; writing ones never are, since they may have been carried out.

import { ApiError, UnreachableError } from './errors.ts';

export interface TransportOptions {
  /** Such as http://127.0.0.1:8080; a slash at the end is fine. */
  readonly baseUrl: string;
  /** '' = none is sent. */
  readonly token: string;
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
}

export interface Transport {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  json<T>(call: Call): Promise<T>;
  /** The answer itself, when it is a good one. */
  raw(call: Call): Promise<Response>;
  url(call: Pick<Call, 'path' | 'query'>): string;
}

/** The one version of the API that this client speaks. */
const API_VERSION = 'v0';

export function createTransport({ baseUrl, token }: TransportOptions): Transport {
  const base = baseUrl.replace(/\/+$/, '');
  const headers = { 'gofer-api-version': API_VERSION, authorization: `Bearer ${token === '' ? 'none' : token}` };

  function url({ path, query = {} }: Pick<Call, 'path' | 'query'>): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
    const text = parameters.toString();
    return `${base}${path}${text === '' ? '' : `?${text}`}`;
  }

  async function raw(call: Call): Promise<Response> {
    const request = () => fetch(url(call), requestOf(call, headers));
    let answer: Response;
    try {
      answer = await request().catch((error: unknown) => {
        if (call.method !== 'GET') throw error;
        return request();
      });
    } catch (error) {
      throw new UnreachableError(base, error);
    }
    if (answer.ok) return answer;
    throw await apiError(answer);
  }

  return {
    baseUrl: base,
    headers,
    url,
    raw,
    json: async <T>(call: Call) => {
      const answer = await raw(call);
      const text = await answer.text();
      // The server's schemas vouch for the shape; a test compares them with the types here.
      return (text === '' ? undefined : JSON.parse(text)) as T;
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
  const init = {
    method: call.method,
    headers: { ...headers, 'content-type': 'application/octet-stream' },
    body,
    duplex: 'half',
  };
  return init as RequestInit;
}

async function apiError(answer: Response): Promise<ApiError> {
  const text = await answer.text().catch(() => '');
  try {
    const body = JSON.parse(text) as { readonly message?: unknown; readonly request_id?: unknown };
    const message = typeof body.message === 'string' ? body.message : answer.statusText;
    return new ApiError(answer.status, message, typeof body.request_id === 'string' ? body.request_id : '');
  } catch {
    return new ApiError(
      answer.status,
      `${answer.status} ${answer.statusText}`,
      answer.headers.get('x-request-id') ?? '',
    );
  }
}
