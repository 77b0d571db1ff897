// WebSocket streams as async iterables, with back-pressure: while the reader is busy the socket is paused.

import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import { StreamClosedError, UnreachableError } from './errors.ts';
import type { ApiError } from './errors.ts';
import { parseRefusal } from './parse-answers.ts';
import { ANSWER_MAX_MS, NoAnswerError, retryAfterMs } from './retry.ts';
import type { Transport } from './transport.ts';

export interface SocketOptions {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

export interface Socket {
  readonly messages: AsyncIterable<Buffer>;
  send(data: string | Uint8Array): void;
  close(): void;
}

/** Messages taken in beyond what the reader has asked for; then the socket is paused. */
const BUFFERED_MAX = 256;
/** The normal end of a stream (RFC 6455, 7.4.1). */
const NORMAL_CLOSURE = 1000;
const NO_STATUS = 1005;
/** A server that sends nothing and answers no ping for two intervals is frozen or cut off. */
const PING_INTERVAL_MS = 5_000;
const MISSED_MAX = 2;
/** A server that does not confirm the end of a stream by then will not. */
const CLOSE_MAX_MS = 2_000;

/** Resolves once the stream is open. Throws ApiError when the server refuses it, UnreachableError when nobody answers. */
export async function openSocket(transport: Transport, options: SocketOptions): Promise<Socket> {
  options.signal?.throwIfAborted();
  const asked = transport.baseUrl();
  const url = transport.url(options).replace(/^http/, 'ws');
  const socket = new WebSocket(url, { headers: transport.headers, perMessageDeflate: false });
  const queue = createQueue(socket);
  const abort = () => end(socket);
  options.signal?.addEventListener('abort', abort, { once: true });
  socket.on('close', () => options.signal?.removeEventListener('abort', abort));
  await opened(socket, asked);
  endWhenFrozen(socket);
  if (options.signal?.aborted === true) abort();
  return { messages: queue, send: (data) => socket.send(data), close: abort };
}

async function opened(socket: WebSocket, asked: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: unknown) => reject(new UnreachableError(asked, cause));
      timer = setTimeout(() => {
        refuse(new NoAnswerError());
        socket.terminate();
      }, ANSWER_MAX_MS);
      socket.once('open', resolve);
      socket.once('error', refuse);
      socket.once('unexpected-response', (_request, answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('error', refuse);
        const { statusCode = 0, headers } = answer;
        answer.on('end', () => reject(refusal(statusCode, text, headers['retry-after'] ?? null)));
      });
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Says so to the server, and waits for its word for a moment only. */
function end(socket: WebSocket): void {
  if (socket.readyState === WebSocket.CLOSED) return;
  socket.close(NORMAL_CLOSURE);
  const timer = setTimeout(() => socket.terminate(), CLOSE_MAX_MS);
  socket.once('close', () => clearTimeout(timer));
}

function refusal(status: number, text: string, after: string | null): ApiError {
  const otherwise = { message: text === '' ? `HTTP ${status}` : text, requestId: '' };
  return parseRefusal({ status, text, otherwise, retryAfterMs: retryAfterMs(after, Date.now()) });
}

/** While the reader is busy nothing is read from the socket, answers to pings neither: then nobody is judged. */
function endWhenFrozen(socket: WebSocket): void {
  let missed = 0;
  const answered = () => (missed = 0);
  socket.on('pong', answered);
  socket.on('message', answered);
  const timer = setInterval(() => {
    if (socket.isPaused) missed = 0;
    else if (missed >= MISSED_MAX) socket.terminate();
    else missed += 1;
    socket.ping(undefined, undefined, () => undefined);
  }, PING_INTERVAL_MS);
  // A stream alone keeps the process up, its pings need not.
  timer.unref();
  socket.on('close', () => clearInterval(timer));
}

function createQueue(socket: WebSocket): AsyncIterable<Buffer> {
  const waiting: Buffer[] = [];
  let ended: { readonly error: Error | null } | null = null;
  let wake: () => void = () => undefined;
  socket.on('message', (data: RawData) => {
    waiting.push(oneBuffer(data));
    if (waiting.length >= BUFFERED_MAX) socket.pause();
    wake();
  });
  socket.on('close', (code: number, reason: Buffer) => {
    const good = code === NORMAL_CLOSURE || code === NO_STATUS;
    ended = { error: good ? null : new StreamClosedError(code, reason.toString()) };
    wake();
  });
  // A broken connection also closes; the close says how the stream ended.
  socket.on('error', () => undefined);
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (let message = await next(); message !== null; message = await next()) yield message;
      } finally {
        end(socket);
      }
    },
  };

  /** Null at the good end of the stream. */
  async function next(): Promise<Buffer | null> {
    while (waiting.length === 0 && ended === null) await new Promise<void>((resolve) => (wake = resolve));
    const message = waiting.shift();
    if (message !== undefined && waiting.length === 0 && socket.isPaused) socket.resume();
    if (message === undefined && ended?.error) throw ended.error;
    return message ?? null;
  }
}

function oneBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}
