// The Docker Engine API over HTTP: one place for connections, deadlines, retries, the breaker and the API version.
//
// Every call ends: by its answer, its deadline, the caller's signal or close(). A daemon that cannot be reached, hangs or talks
// nonsense is AppError('unavailable'); an answer with an error status is an answer, and the caller knows what it means.

import type { Dispatcher } from 'undici';
import { Pool } from 'undici';
import { AppError, errorText, isAppError } from '../../../store/model/errors.ts';
import { errorMessage } from './answers-parse.ts';
import type { DockerAddress } from './address.ts';
import { addressOrigin, addressText } from './address.ts';
import type { BreakerState } from './breaker.ts';
import { createBreaker } from './breaker.ts';
import { linkAborts, pause, withDeadline } from './deadline.ts';
import type { Answer, StreamAnswer } from './http-answer.ts';
import { readAnswer, streamAnswer } from './http-answer.ts';
import { negotiatedVersion } from './version.ts';

/** An idle daemon answers in milliseconds and one that starts 64 containers at once in seconds. */
export const CALL_DEADLINE_MS = 10_000;

/** Short calls; more at once only make the daemon slower. */
const CALL_CONNECTIONS = 64;
/** Each pull, log follower, exec and event stream holds one for its whole life, so they must not take those of short calls. */
const STREAM_CONNECTIONS = 1_024;

/** A daemon that restarts drops its connections once; more tries are the caller's business. */
const TRIES_MAX = 3;
const RETRY_PAUSE_MS = 100;

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Without the version. Parts that come from outside are encoded by `segment`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** May be sent again when the connection broke; always so for GET. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal;
}

/** A hijacked connection: raw bytes both ways. */
export type Connection = Dispatcher.UpgradeData['socket'];

export interface DockerClient {
  readonly address: DockerAddress;
  call(call: Call): Promise<Answer>;
  /** As `call`, for one of these statuses; anything else is 'unavailable' with the daemon's reason. */
  expect(call: Call, statuses: readonly number[]): Promise<Answer>;
  /** The deadline is for the head of the answer; the body may take for ever. */
  stream(call: Call): Promise<StreamAnswer>;
  upgrade(call: Call): Promise<Connection>;
  /** The daemon's clock, to the second. */
  now(): Promise<number>;
  breakerState(): BreakerState;
  close(): Promise<void>;
}

export interface DockerClientOptions {
  readonly address: DockerAddress;
  readonly callDeadlineMs?: number;
}

/** Opens no connection before the first call. */
export function createDockerClient(options: DockerClientOptions): DockerClient {
  return new HttpClient(options);
}

class HttpClient implements DockerClient {
  readonly address: DockerAddress;
  readonly #deadlineMs: number;
  readonly #closing = new AbortController();
  readonly #calls: Pool;
  readonly #streams: Pool;
  readonly #breaker = createBreaker();
  #version: Promise<string> | null = null;

  constructor({ address, callDeadlineMs = CALL_DEADLINE_MS }: DockerClientOptions) {
    this.address = address;
    this.#deadlineMs = callDeadlineMs;
    this.#calls = openPool(address, CALL_CONNECTIONS);
    this.#streams = openPool(address, STREAM_CONNECTIONS);
  }

  async call(call: Call): Promise<Answer> {
    const sent = await this.#options(call);
    return this.#tried(call, async (signal) => readAnswer(await this.#calls.request({ ...sent, signal })));
  }

  async expect(call: Call, statuses: readonly number[]): Promise<Answer> {
    const answer = await this.call(call);
    if (statuses.includes(answer.status)) return answer;
    throw refused(call, answer);
  }

  async stream(call: Call): Promise<StreamAnswer> {
    const sent = await this.#options(call);
    const ending = new AbortController();
    const unlink = linkAborts([this.#closing.signal, call.signal], ending);
    const failed = (error: unknown) => (call.signal?.aborted === true ? error : unreachable(this.address, call, error));
    try {
      const answer = await this.#attempt(call, async (signal) => {
        const unlinkDeadline = linkAborts([signal], ending);
        return this.#streams.request({ ...sent, signal: ending.signal }).finally(unlinkDeadline);
      });
      return streamAnswer(answer, { failed, unlink });
    } catch (error) {
      unlink();
      throw error;
    }
  }

  async upgrade(call: Call): Promise<Connection> {
    const sent = await this.#options(call);
    const { method } = call;
    const options = { ...sent, method, protocol: 'tcp' };
    const { socket } = await this.#attempt(call, (signal) => this.#streams.upgrade({ ...options, signal }));
    return socket;
  }

  async now(): Promise<number> {
    const { headers } = await this.#ping();
    const date = typeof headers.date === 'string' ? Date.parse(headers.date) : Number.NaN;
    if (Number.isNaN(date)) throw new AppError('unavailable', 'Docker tells no time.');
    return date;
  }

  breakerState(): BreakerState {
    return this.#breaker.state();
  }

  async close(): Promise<void> {
    this.#closing.abort(new AppError('unavailable', 'The Docker engine is closed.'));
    this.#breaker.close();
    await Promise.all([this.#calls.destroy(), this.#streams.destroy()]);
  }

  /** One try: within the deadline, behind the breaker, with every failure told as 'unavailable'. */
  #attempt<T>(call: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limits = { deadlineMs: call.deadlineMs ?? this.#deadlineMs, signals: [this.#closing.signal, call.signal] };
    return this.#breaker.through(async () => {
      try {
        return await withDeadline(limits, work);
      } catch (error) {
        if (isAppError(error) || call.signal?.aborted === true) throw error;
        throw unreachable(this.address, call, error);
      }
    });
  }

  async #tried<T>(call: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const end = performance.now() + (call.deadlineMs ?? this.#deadlineMs);
    const tries = call.method === 'GET' || call.repeatable === true ? TRIES_MAX : 1;
    for (let n = 1; ; n += 1) {
      try {
        return await this.#attempt(call, work);
      } catch (error) {
        const waitMs = RETRY_PAUSE_MS * n * (0.5 + Math.random());
        if (n >= tries || !isBrokenConnection(error) || performance.now() + waitMs > end) throw error;
        await pause(waitMs, call.signal);
      }
    }
  }

  #ping(): Promise<Dispatcher.ResponseData> {
    return this.#tried({ method: 'GET', path: '/_ping' }, async (signal) => {
      const answer = await this.#calls.request({ method: 'GET', path: '/_ping', signal });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
      return answer;
    });
  }

  async #options(call: Call): Promise<Dispatcher.RequestOptions> {
    this.#version ??= this.#ping().then(({ headers }) => negotiatedVersion(headers['api-version']));
    try {
      return requestOptions(call, await this.#version);
    } catch (error) {
      this.#version = null;
      throw error;
    }
  }
}

/** Encodes one part of a path. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}

/** An answer that the caller has no use for. */
export function refused(call: Call, { status, body }: Answer): AppError {
  const detail = `${call.method} ${call.path}: ${status} ${errorMessage(body)}`;
  return new AppError('unavailable', 'Docker refused a call.', { detail });
}

function openPool(address: DockerAddress, connections: number): Pool {
  const timeout = CALL_DEADLINE_MS;
  if (address.kind === 'socket') {
    return new Pool(addressOrigin(address), { connections, connect: { socketPath: address.path, timeout } });
  }
  return new Pool(addressOrigin(address), { connections, connect: { ...(address.tls ?? {}), timeout } });
}

function requestOptions(call: Call, version: string): Dispatcher.RequestOptions {
  const query = call.query === undefined ? '' : `?${new URLSearchParams(call.query).toString()}`;
  const json = call.body === undefined ? {} : { 'content-type': 'application/json' };
  return {
    method: call.method,
    path: `/${version}${call.path}${query}`,
    headers: { ...json, ...call.headers },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    // Our own deadlines end calls; these would end a stop that waits out its grace.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
}

function isBrokenConnection(error: unknown): boolean {
  return isAppError(error, 'unavailable') && error.cause !== undefined && !isTimeout(error.cause);
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof DOMException || isAppError(cause);
}

function unreachable(address: DockerAddress, { method, path }: Call, cause: unknown): AppError {
  const detail = `${addressText(address)} ${method} ${path}: ${errorText(cause)}`;
  return new AppError('unavailable', 'The Docker daemon is not reachable.', { detail, cause });
}
