// A command that runs beside a task's body on another node: its side of the conversation.

import type { Client, ClientDuplexStream } from '@grpc/grpc-js';
import { AppError } from '../../store/model/errors.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { refusedBy } from './call-errors.ts';
import type { Dialer } from './dialer.ts';
import { peerMethods } from './peer-codec.ts';
import type { ExecInput, ExecOutput } from './peer-codec.ts';
import type { ExecOptions, StreamChunk, StreamSession } from './task-streams.ts';
import { CHUNK_BYTES_MAX } from './timings.ts';

interface SessionParts {
  /** Connected; it is closed with the session. */
  readonly client: Client;
  readonly dialer: Dialer;
  readonly engine: string;
}

type ExecCall = ClientDuplexStream<ExecInput, ExecOutput>;

/**
 * Resolves once the command runs. Throws what the other node said, or 'unavailable' when it went away meanwhile: then the command
 * may have been started, so it must not be asked for again.
 */
export async function startRemoteSession(
  { client, dialer, engine }: SessionParts,
  id: AttemptId,
  { command, terminal, signal }: ExecOptions,
): Promise<StreamSession> {
  const { path, requestSerialize, responseDeserialize } = peerMethods.exec;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, dialer.metadata());
  const close = () => {
    signal.removeEventListener('abort', close);
    call.cancel();
    client.close();
  };
  // Whoever reads is told by the iteration; after the last reader nobody is.
  call.on('error', () => undefined);
  signal.addEventListener('abort', close, { once: true });
  try {
    signal.throwIfAborted();
    call.write({ kind: 'start', start: { engine, attemptId: id, command, terminal } });
    const outputs: AsyncIterator<ExecOutput, undefined> = call[Symbol.asyncIterator]();
    const { value: first } = await outputs.next();
    if (first?.kind !== 'started') throw new AppError('internal', 'The other node did not say that it started.');
    return sessionOf({ call, signal, close }, outputs);
  } catch (error) {
    close();
    throw asAppError(error);
  }
}

interface Conversation {
  readonly call: ExecCall;
  readonly signal: AbortSignal;
  readonly close: () => void;
}

function sessionOf(
  { call, signal, close }: Conversation,
  outputs: AsyncIterator<ExecOutput, undefined>,
): StreamSession {
  let tellExit: (code: number | null) => void = () => undefined;
  const exitCode = new Promise<number | null>((resolve) => (tellExit = resolve));
  // Until then it may still be learned; that of an abandoned command is nobody's to know.
  const end = () => {
    signal.removeEventListener('abort', end);
    close();
    tellExit(null);
  };
  call.once('close', end);
  signal.addEventListener('abort', end, { once: true });

  async function* output(): AsyncGenerator<StreamChunk> {
    try {
      for (let next = await outputs.next(); next.value !== undefined; next = await outputs.next()) {
        if (next.value.kind === 'output') yield next.value.chunk;
        else if (next.value.kind === 'ended') tellExit(next.value.exitCode);
      }
    } catch (error) {
      throw asAppError(error);
    } finally {
      end();
    }
  }

  return {
    output: output(),
    async write(bytes) {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
        await send(call, { kind: 'data', bytes: bytes.subarray(at, at + CHUNK_BYTES_MAX) });
      }
    },
    resize: (size) => send(call, { kind: 'resize', size }),
    exitCode,
    close: async () => end(),
  };
}

/** Resolves when it is on its way; input for a command that has ended is let fall, as an engine does. */
function send(call: ExecCall, input: ExecInput): Promise<void> {
  return new Promise((resolve) => {
    if (call.destroyed || call.writableEnded) resolve();
    else call.write(input, () => resolve());
  });
}

function asAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  return refusedBy(error) ?? new AppError('unavailable', 'The node that ran the command went away.', { cause: error });
}
