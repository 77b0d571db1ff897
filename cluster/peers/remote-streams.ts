// A task's streams from whichever node reaches its engine: this one when it can, else another member. A log goes on through the next
// member when the one that serves it dies; a command cannot, as its process and its input are bound to where it began.

import type { AttemptId } from '../../store/model/ids.ts';
import type { Dialer } from './dialer.ts';
import type { EngineHolder, OwnEngine, RemoteTasksOptions } from './options.ts';
import { peerMethods } from './peer-codec.ts';
import { startRemoteSession } from './remote-session.ts';
import { connected, createTries } from './stream-tries.ts';
import type { ExecOptions, LogsOptions, StreamChunk, StreamSession, TaskStreams } from './task-streams.ts';
import type { PeerTimings } from './timings.ts';

interface RemoteParts extends RemoteTasksOptions {
  readonly own: OwnEngine;
  readonly nodeId: string;
  readonly dialer: Dialer;
  readonly timings: PeerTimings;
}

export function createRemoteStreams(parts: RemoteParts): TaskStreams {
  return {
    logs: (id, options) => followLog(parts, id, options),
    exec: (id, options) => startCommand(parts, id, options),
  };
}

async function* followLog(parts: RemoteParts, id: AttemptId, options: LogsOptions): AsyncGenerator<StreamChunk> {
  const { signal } = options;
  const from = { stdout: 0, stderr: 0, ...options.from };
  const tries = createTries({ ...parts, takeOverMs: parts.timings.takeOverMs, signal });
  while (!signal.aborted) {
    try {
      const holder = tries.next();
      const rest = { ...options, id, from: { ...from } };
      for await (const chunk of holder === 'own' ? parts.own.tasks.logs(id, rest) : remoteLog(parts, holder, rest)) {
        from[chunk.stream] += chunk.bytes.length;
        tries.renew();
        yield chunk;
      }
      return;
    } catch (error) {
      if (!signal.aborted) await tries.bear(error);
    }
  }
}

interface LogRequest extends LogsOptions {
  readonly id: AttemptId;
  readonly from: NonNullable<LogsOptions['from']>;
}

async function* remoteLog(
  { dialer, timings }: RemoteParts,
  holder: EngineHolder,
  { id, from, follow, signal }: LogRequest,
): AsyncGenerator<StreamChunk> {
  const { path, requestSerialize, responseDeserialize } = peerMethods.logs;
  const client = dialer.open(holder.address);
  try {
    await connected(client, timings.connectMs);
    if (signal.aborted) return;
    const request = { engine: holder.engineIdentity, attemptId: id, follow, from };
    const call = client.makeServerStreamRequest(
      ...([path, requestSerialize, responseDeserialize, request, dialer.metadata()] as const),
    );
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      yield* call;
    } finally {
      signal.removeEventListener('abort', cancel);
      // What is still on its way when the reader leaves ends as an error of a stream that nobody reads.
      call.on('error', () => undefined);
      call.cancel();
    }
  } finally {
    client.close();
  }
}

async function startCommand(parts: RemoteParts, id: AttemptId, options: ExecOptions): Promise<StreamSession> {
  const { dialer, timings } = parts;
  const tries = createTries({ ...parts, takeOverMs: timings.takeOverMs, signal: options.signal });
  for (;;) {
    options.signal.throwIfAborted();
    try {
      const holder = tries.next();
      if (holder === 'own') return await parts.own.tasks.exec(id, options);
      const client = dialer.open(holder.address);
      await connected(client, timings.connectMs).catch((error: unknown) => {
        client.close();
        throw error;
      });
      return await startRemoteSession({ client, dialer, engine: holder.engineIdentity }, id, options);
    } catch (error) {
      await tries.bear(error);
    }
  }
}
