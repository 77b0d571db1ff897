// Serves the streams of this node's engine to other nodes. The reader's pace is the engine's pace, and a reader that goes away ends
// the reading.

import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { AppError, errorText, isAppError } from '../../store/model/errors.ts';
import { attemptId, parseAttemptId } from '../../store/model/ids.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { refusalOf } from './call-errors.ts';
import type { OwnEngine, PeersLog } from './options.ts';
import type { ExecInput, ExecOutput, LogsRequest } from './peer-codec.ts';
import type { StreamChunk, StreamSession } from './task-streams.ts';
import { CHUNK_BYTES_MAX } from './timings.ts';

interface ServeParts {
  readonly own: OwnEngine;
  readonly log: PeersLog;
}

type LogsCall = ServerWritableStream<LogsRequest, StreamChunk>;
type ExecCall = ServerDuplexStream<ExecInput, ExecOutput>;

export function serveLogs({ own, log }: ServeParts) {
  return (call: LogsCall): void => {
    const signal = goneSignal(call);
    const { engine, attemptId: id, follow, from } = call.request;
    const serve = async () => {
      for await (const chunk of own.tasks.logs(attemptOf(own, { engine, id }), { from, follow, signal })) {
        for (const piece of pieces(chunk)) await send(call, piece, signal);
        if (signal.aborted) return;
      }
      call.end();
    };
    serve().catch((error: unknown) => refuse({ call, signal, log }, error));
  };
}

export function serveExec({ own, log }: ServeParts) {
  return (call: ExecCall): void => {
    const signal = goneSignal(call);
    const onInputLost = (why: string) => log.info({ why }, 'peers: input of a command was not taken');
    serveSession(call, { own, signal, onInputLost }).catch((error: unknown) => refuse({ call, signal, log }, error));
  };
}

interface SessionParts {
  readonly own: OwnEngine;
  readonly signal: AbortSignal;
  readonly onInputLost: (why: string) => void;
}

async function serveSession(call: ExecCall, { own, signal, onInputLost }: SessionParts): Promise<void> {
  // The stream must live on for the output when the input has ended.
  const inputs: AsyncIterator<ExecInput, undefined> = call.iterator({ destroyOnReturn: false });
  const { value: first } = await inputs.next();
  if (first?.kind !== 'start') throw new AppError('invalid', 'The first input must be the start.');
  const { engine, attemptId: id, command, terminal } = first.start;
  const session = await own.tasks.exec(attemptOf(own, { engine, id }), { command, terminal, signal });
  signal.addEventListener('abort', () => void session.close().catch(() => undefined), { once: true });
  try {
    await send(call, { kind: 'started' }, signal);
    // A command that has ended takes no more input, while what it put out is still on its way: the output decides.
    giveInput(inputs, session).catch((error: unknown) => onInputLost(errorText(error)));
    for await (const chunk of session.output) {
      for (const piece of pieces(chunk)) await send(call, { kind: 'output', chunk: piece }, signal);
      if (signal.aborted) return;
    }
    await send(call, { kind: 'ended', exitCode: await session.exitCode }, signal);
    call.end();
  } finally {
    await session.close();
  }
}

async function giveInput(inputs: AsyncIterator<ExecInput, undefined>, session: StreamSession): Promise<void> {
  for (let next = await inputs.next(); next.value !== undefined; next = await inputs.next()) {
    const input = next.value;
    if (input.kind === 'data') await session.write(input.bytes);
    else if (input.kind === 'resize') await session.resize(input.size);
  }
}

function attemptOf(own: OwnEngine, { engine, id }: { readonly engine: string; readonly id: string }): AttemptId {
  if (engine !== own.identity) throw new AppError('unavailable', 'This node reaches another engine.');
  const key = parseAttemptId(id);
  if (key === null) throw new AppError('invalid', 'Not an attempt id.');
  return attemptId(key, key.attempt);
}

function goneSignal(call: LogsCall | ExecCall): AbortSignal {
  const gone = new AbortController();
  call.once('cancelled', () => gone.abort());
  return gone.signal;
}

function* pieces(chunk: StreamChunk): Generator<StreamChunk> {
  for (let at = 0; at < chunk.bytes.length; at += CHUNK_BYTES_MAX) {
    yield { ...chunk, bytes: chunk.bytes.subarray(at, at + CHUNK_BYTES_MAX) };
  }
}

interface Writable<T> {
  write(value: T): boolean;
  once(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

/** Resolves when there is room for more, or nobody left to send to. */
async function send<T>(call: Writable<T>, value: T, signal: AbortSignal): Promise<void> {
  if (signal.aborted || call.write(value)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

interface RefuseParts {
  readonly call: LogsCall | ExecCall;
  readonly signal: AbortSignal;
  readonly log: PeersLog;
}

function refuse({ call, signal, log }: RefuseParts, error: unknown): void {
  if (signal.aborted) return;
  if (!isAppError(error)) log.warn({ why: errorText(error) }, 'peers: a stream of a task failed');
  call.emit('error', refusalOf(error));
}
