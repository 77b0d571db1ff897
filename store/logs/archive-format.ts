// The form in which a log lies in the object store: a header, then one frame for each chunk, so that stream marks, times and any
// bytes survive. Written and read as a stream; memory holds one chunk at a time.
//
// Header: 8 bytes, "GOFERLG" and the version. Frame: 1 byte stream (1 = stdout, 2 = stderr), 6 bytes time (ms since the epoch, big
// endian), 4 bytes length (big endian), then the bytes.

import { AppError } from '../model/errors.ts';
import type { Instant } from '../model/ids.ts';

export interface ArchivedChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly at: Instant;
  readonly bytes: Uint8Array;
}

const MAGIC = 'GOFERLG';
const VERSION = 1;
const HEADER_BYTES = 8;
const FRAME_BYTES = 11;

/** Longer chunks are cut: a reader never has to hold more than this. */
export const FRAME_DATA_MAX = 262_144;

/** Small frames are sent on together: a write for each line would cost more than the lines. */
const FLUSH_BYTES = 65_536;

export async function* encodeArchive(chunks: AsyncIterable<ArchivedChunk>): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [header()];
  let size = HEADER_BYTES;
  for await (const { stream, at, bytes } of chunks) {
    for (let start = 0; start < bytes.length; start += FRAME_DATA_MAX) {
      const data = bytes.subarray(start, start + FRAME_DATA_MAX);
      pending.push(frameHead({ stream, at, length: data.length }), data);
      size += FRAME_BYTES + data.length;
    }
    if (size < FLUSH_BYTES) continue;
    yield Buffer.concat(pending, size);
    pending = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(pending, size);
}

/** Throws AppError('internal') for bytes that are no archive, or that end in the middle of a frame. */
export async function* decodeArchive(body: AsyncIterable<Uint8Array>): AsyncGenerator<ArchivedChunk> {
  let buffer = Buffer.alloc(0);
  let headerSeen = false;
  for await (const piece of body) {
    buffer = buffer.length === 0 ? Buffer.from(piece) : Buffer.concat([buffer, piece]);
    if (!headerSeen) {
      if (buffer.length < HEADER_BYTES) continue;
      checkHeader(buffer);
      buffer = buffer.subarray(HEADER_BYTES);
      headerSeen = true;
    }
    let frame = firstFrame(buffer);
    while (frame !== null) {
      yield frame.chunk;
      buffer = buffer.subarray(frame.bytes);
      frame = firstFrame(buffer);
    }
  }
  if (!headerSeen || buffer.length > 0) throw damaged('it ends too early');
}

function header(): Uint8Array {
  return Buffer.concat([Buffer.from(MAGIC, 'latin1'), Buffer.from([VERSION])]);
}

function checkHeader(buffer: Buffer): void {
  if (buffer.toString('latin1', 0, MAGIC.length) !== MAGIC) throw damaged('it does not begin as one');
  const version = buffer[MAGIC.length];
  if (version !== VERSION) throw damaged(`its version ${String(version)} is not known to this build`);
}

function frameHead(frame: {
  readonly stream: 'stdout' | 'stderr';
  readonly at: Instant;
  readonly length: number;
}): Buffer {
  const head = Buffer.alloc(FRAME_BYTES);
  head.writeUInt8(frame.stream === 'stdout' ? 1 : 2, 0);
  head.writeUIntBE(frame.at, 1, 6);
  head.writeUInt32BE(frame.length, 7);
  return head;
}

function firstFrame(buffer: Buffer): { readonly chunk: ArchivedChunk; readonly bytes: number } | null {
  if (buffer.length < FRAME_BYTES) return null;
  const mark = buffer.readUInt8(0);
  const length = buffer.readUInt32BE(7);
  if ((mark !== 1 && mark !== 2) || length > FRAME_DATA_MAX) throw damaged('a frame is not readable');
  if (buffer.length < FRAME_BYTES + length) return null;
  const bytes = buffer.subarray(FRAME_BYTES, FRAME_BYTES + length);
  const chunk: ArchivedChunk = { stream: mark === 1 ? 'stdout' : 'stderr', at: buffer.readUIntBE(1, 6), bytes };
  return { chunk, bytes: FRAME_BYTES + length };
}

function damaged(fault: string): AppError {
  return new AppError('internal', 'An archived log is damaged.', { detail: fault });
}
