// WebSocket streams (spec 9). A request is checked before it is upgraded, so that a refusal is a plain HTTP answer; what goes wrong
// later is a close code with a reason. A reader that is slow slows its stream down; one that is gone ends it.

import websocket from '@fastify/websocket';
import type { FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import type { Needs, RequestContext } from '../operations/operation.ts';
import { AppError, isAppError } from '../../store/model/errors.ts';
import type { Rest, RestApp } from './app.ts';
import { answerTo } from './error-answers.ts';
import type { Faults } from './error-answers.ts';

/** RFC 6455, 7.4.1. */
export const CLOSE = { normal: 1000, goingAway: 1001, unsupported: 1003, policy: 1008, fault: 1011 } as const;
/** RFC 6455, 5.5: a control frame holds 125 bytes, two of them the code. */
const REASON_BYTES_MAX = 123;
/** A reader that has not taken this much is waited for. */
const UNREAD_BYTES_MAX = 1_048_576;
/** Clients send lines of input at most. */
const MESSAGE_BYTES_MAX = 1_048_576;
/** Load balancers cut connections that are silent for a minute. A client that answers no ping until the next one is gone. */
const PING_INTERVAL_MS = 20_000;
/** For clients to answer our close when the server stops. */
const FAREWELL_MS = 500;

export interface StreamSocket {
  /** Aborts when the connection is over, which it also is when the server stops. */
  readonly signal: AbortSignal;
  /** Text or binary message. Resolves when the reader can take more. */
  readonly send: (data: string | Uint8Array) => Promise<void>;
  /** Text messages of the client; those of other kinds are ignored. */
  readonly onText: (listener: (text: string) => void) => void;
}

/** How a stream ended when nothing went wrong. */
export interface StreamEnd {
  readonly code: number;
  readonly reason: string;
}

const STOPPING: StreamEnd = { code: CLOSE.fault, reason: 'The server is stopping: connect again.' };
export const OUT_OF_EVENTS: StreamEnd = { code: CLOSE.normal, reason: 'out of events' };

/** Before any route is added. */
export function acceptStreams(app: RestApp): void {
  const ids = new WeakMap<IncomingMessage, string>();
  app.addHook('onRequest', async (request) => void ids.set(request.raw, request.id));
  void app.register(websocket, {
    options: { maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false },
    errorHandler: (_error, socket) => socket.terminate(),
    preClose: (done) => farewell(app, done),
  });
  app.addHook('onReady', async () => {
    app.websocketServer.on('headers', (headers, request) => headers.push(`x-request-id: ${ids.get(request) ?? ''}`));
  });
}

function farewell(app: RestApp, done: () => void): void {
  const { clients } = app.websocketServer;
  for (const client of clients) client.close(STOPPING.code, STOPPING.reason);
  const timer = setTimeout(() => {
    for (const client of clients) client.terminate();
  }, FAREWELL_MS);
  app.websocketServer.close(() => {
    clearTimeout(timer);
    done();
  });
}

export interface StreamGate {
  /** Checks the caller before the upgrade. */
  readonly preHandler: (request: FastifyRequest) => Promise<void>;
  /** A clear 400 for whoever asks for a stream without an upgrade. */
  readonly handler: () => Promise<never>;
  /** Serves an upgraded connection, and closes it with what came of it. */
  readonly serve: (
    socket: WebSocket,
    request: object,
    work: (stream: StreamSocket, context: RequestContext) => Promise<StreamEnd>,
  ) => Promise<void>;
}

/** What each route that is a stream is made of. */
export function createGate(rest: Rest, faults: Faults, needs: Needs): StreamGate {
  const contexts = new WeakMap<object, RequestContext>();
  return {
    preHandler: async (request) => void contexts.set(request, await rest.admit(needs, request)),
    handler: async () => {
      throw new AppError('invalid', 'This is a stream: connect with a WebSocket (Upgrade: websocket).');
    },
    serve: async (socket, request, work) => {
      const context = contexts.get(request);
      if (context === undefined) return socket.terminate();
      const end = await serveOn(socket, (stream) => work(stream, context)).catch((error: unknown) =>
        endOf(error, context.requestId, faults),
      );
      const { code, reason } = context.signal.aborted ? STOPPING : end;
      socket.close(code, cutToBytes(reason, REASON_BYTES_MAX));
    },
  };
}

async function serveOn<T>(socket: WebSocket, serve: (stream: StreamSocket) => Promise<T>): Promise<T> {
  const gone = new AbortController();
  const stopPings = keepAlive(socket);
  socket.on('close', () => gone.abort());
  try {
    return await serve({
      signal: gone.signal,
      send: (data) => sent(socket, data),
      onText: (listener) => {
        socket.on('message', (data: RawData, isBinary: boolean) => {
          if (!isBinary && Buffer.isBuffer(data)) listener(data.toString());
        });
      },
    });
  } finally {
    stopPings();
  }
}

/** Sending to a socket that is closed is no fault: its stream is being ended. */
function sent(socket: WebSocket, data: string | Uint8Array): Promise<void> {
  if (socket.bufferedAmount < UNREAD_BYTES_MAX) {
    socket.send(data, () => undefined);
    return Promise.resolve();
  }
  return new Promise((resolve) => socket.send(data, () => resolve()));
}

function keepAlive(socket: WebSocket): () => void {
  let answered = true;
  socket.on('pong', () => (answered = true));
  const timer = setInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, PING_INTERVAL_MS);
  const stop = () => clearInterval(timer);
  socket.on('close', stop);
  return stop;
}

function endOf(error: unknown, requestId: string, faults: Faults): StreamEnd {
  const { message } = answerTo(error, requestId, faults);
  if (isAppError(error, 'not_found')) return { code: CLOSE.goingAway, reason: message };
  const refused = isAppError(error, 'invalid') || isAppError(error, 'conflict') || isAppError(error, 'limit');
  return { code: refused ? CLOSE.policy : CLOSE.fault, reason: message };
}

/** At most so many bytes of UTF-8, cut between characters. */
export function cutToBytes(text: string, bytes: number): string {
  const whole = Buffer.from(text);
  if (whole.length <= bytes) return text;
  let end = bytes;
  // Bytes 10xxxxxx continue a character.
  while (end > 0 && ((whole[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return whole.toString('utf8', 0, end);
}
