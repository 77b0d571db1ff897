// Writes one blob, whole and synced, to a temporary file. Memory stays flat whatever the size: small chunks are gathered in
// one buffer, large ones are written before the next is asked for. When it fails, the temporary file is gone.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { AppError } from '../../model/errors.ts';
import type { ObjectInfo } from '../port.ts';
import { encodeTrailer } from './blob-trailer.ts';
import type { Disk } from './disk.ts';
import { onDisk, unlinkIfThere } from './disk.ts';

/** Large enough that calls to the disk do not matter, small enough for hundreds of puts at once. */
const GATHER_BYTES = 65_536;

export interface WriteOrder {
  readonly name: string;
  readonly temporary: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Throws the body's own error as it is, the signal's reason, 'limit' or 'unavailable'. */
export async function writeTemporary(disk: Disk, order: WriteOrder): Promise<ObjectInfo> {
  const opening = { doing: 'create a temporary file', outcome: 'not_applied' } as const;
  const file = await onDisk(disk.open(order.temporary, 'wx', 0o600), opening);
  try {
    try {
      return await writeBlob(file, order);
    } finally {
      await file.close();
    }
  } catch (error) {
    // What cannot be removed now is swept at the next start; the caller needs the first error.
    await unlinkIfThere(disk, order.temporary).catch(() => false);
    throw error;
  }
}

async function writeBlob(file: FileHandle, order: WriteOrder): Promise<ObjectInfo> {
  const sink = gatheringSink(file);
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of stoppable(order.body, order.signal)) {
    size += chunk.byteLength;
    if (size > order.maxBytes) throw new AppError('limit', `The object is larger than ${order.maxBytes} bytes.`);
    hash.update(chunk);
    await sink.write(chunk);
  }
  const info = { size, sha256: hash.digest('hex') };
  await sink.write(encodeTrailer({ name: order.name, ...info }));
  await sink.flush();
  await onDisk(file.datasync(), { doing: 'sync a blob', outcome: 'not_applied' });
  return info;
}

/** The body's chunks until the signal aborts, also when the body itself hangs. */
async function* stoppable(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await nextUnlessAborted(chunks, signal);
      ended = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a source that hangs would hang us too, and its clean-up failing changes nothing here.
    if (!ended) chunks.return?.().catch(() => undefined);
  }
}

/** A listener for each chunk: racing one promise for all would gather a reaction for every chunk of a large body. */
async function nextUnlessAborted(
  chunks: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<IteratorResult<Uint8Array, unknown>> {
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(asError(signal.reason));
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([chunks.next(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

interface Sink {
  write(chunk: Uint8Array): Promise<void>;
  flush(): Promise<void>;
}

function gatheringSink(file: FileHandle): Sink {
  // Copied, since a source may use its buffer again once the next chunk is asked for.
  const gathered = Buffer.allocUnsafe(GATHER_BYTES);
  let filled = 0;

  async function flush(): Promise<void> {
    await writeFully(file, gathered.subarray(0, filled));
    filled = 0;
  }

  async function write(chunk: Uint8Array): Promise<void> {
    if (filled + chunk.byteLength > GATHER_BYTES) await flush();
    if (chunk.byteLength > GATHER_BYTES) return writeFully(file, chunk);
    gathered.set(chunk, filled);
    filled += chunk.byteLength;
  }

  return { write, flush };
}

/** A nearly full disk takes a part and refuses the rest in the next call. */
async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const writing = file.write(bytes, done, bytes.byteLength - done);
    const { bytesWritten } = await onDisk(writing, { doing: 'write a blob', outcome: 'not_applied' });
    done += bytesWritten;
  }
}
