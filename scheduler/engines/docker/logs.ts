// The log of an attempt, read from its container: from the beginning, since Docker knows no byte positions, with what was read
// before left out. Memory stays flat: the daemon sends as fast as the reader reads.

import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { LogChunk, LogOptions, LogPosition } from '../port.ts';
import type { DockerClient } from './client.ts';
import { refused, segment } from './client.ts';
import { containerName } from './container-spec.ts';
import { findAttempt, hasTrace } from './containers.ts';
import { createFrameSplitter } from './frames.ts';
import { createLogEntries } from './log-entries.ts';
import { isHalfRemoved, startFailed, wasStarted } from './report.ts';

/** A follower's stream may break with the daemon; when that happens without a byte in between, the daemon is not well. */
const IDLE_RECONNECTS_MAX = 3;

const BEGINNING: LogPosition = { stdout: 0, stderr: 0 };

interface LogSource {
  readonly client: DockerClient;
  readonly installation: string;
  readonly id: AttemptId;
}

/** Yields until the end or, without `follow`, until now. An abort ends it quietly; 'not_found' once the attempt was forgotten. */
export async function* readLogs(source: LogSource, options: LogOptions): AsyncGenerator<LogChunk> {
  let position = options.from ?? BEGINNING;
  let idle = 0;
  for (;;) {
    const before = await look(source);
    const follow = options.follow && before.running;
    const pass = readPass(source, { from: position, follow, signal: options.signal });
    let read = 0;
    for await (const chunk of pass) {
      if (options.signal?.aborted === true) return;
      read += chunk.bytes.length;
      position = { ...position, [chunk.stream]: position[chunk.stream] + chunk.bytes.length };
      yield chunk;
    }
    // What a container prints last may come after its follower was let go: only a pass over an ended one is the whole.
    if (options.signal?.aborted === true) return;
    // Forgotten meanwhile: what was read may be cut off, and the whole is elsewhere.
    if (!follow) {
      await look(source);
      return;
    }
    idle = read > 0 ? 0 : idle + 1;
    if (idle > IDLE_RECONNECTS_MAX) throw new AppError('unavailable', 'Docker ends the log again and again.');
  }
}

async function look({ client, installation, id }: LogSource): Promise<{ readonly running: boolean }> {
  const container = await findAttempt(client, installation, id);
  if (container === null || isHalfRemoved(container) || startFailed(container))
    throw new AppError('not_found', `There is no log of ${id}.`);
  if (wasStarted(container)) return container;
  // One that is lost may have printed all the same.
  if (await hasTrace(client, { installation, id, containerId: container.containerId })) return { running: false };
  throw new AppError('not_found', `There is no log of ${id}.`);
}

interface Pass {
  readonly from: LogPosition;
  readonly follow: boolean;
  readonly signal: AbortSignal | undefined;
}

/** One call of the daemon. Ends quietly when the signal aborts. */
async function* readPass({ client, installation, id }: LogSource, pass: Pass): AsyncGenerator<LogChunk> {
  const call = {
    method: 'GET',
    path: `/containers/${segment(containerName(installation, id))}/logs`,
    query: { stdout: '1', stderr: '1', timestamps: '1', ...(pass.follow ? { follow: '1' } : {}) },
    ...(pass.signal === undefined ? {} : { signal: pass.signal }),
  } as const;
  try {
    const answer = await client.stream(call);
    if (answer.status !== 200) {
      answer.close();
      if (answer.status === 404) throw new AppError('not_found', `There is no log of ${id}.`);
      throw refused(call, { status: answer.status, body: null });
    }
    const splitter = createFrameSplitter();
    const entries = createLogEntries(pass.from);
    for await (const part of answer.bytes) {
      for (const frame of splitter.push(part)) yield* entries.chunksOf(frame);
    }
    if (splitter.waiting > 0) throw new AppError('unavailable', 'The Docker daemon cut the log off.');
  } catch (error) {
    if (pass.signal?.aborted !== true) throw error;
  }
}
