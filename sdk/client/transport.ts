// One request, one answer: headers, JSON both ways, errors as ApiError or UnreachableError. Reading requests are tried a second time
// when the connection broke; writing ones never are, since they may have been carried out.

import { UnreachableError } from './errors.ts';
import type { ApiError } from './errors.ts';
import { parseAnswer, parseRefusal } from './parse-answers.ts';

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
  readonly json: <T>(call: Call) => Promise<T>;
  /** The answer itself, when it is a good one. */
  readonly raw: (call: Call) => Promise<Response>;
  readonly url: (call: Pick<Call, 'path' | 'query'>) => string;
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
    json: async <T>(call: Call) => parseAnswer<T>(await (await raw(call)).text()),
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
  return parseRefusal({ status: answer.status, text, otherwise });
}
