// Reads blobs back. Small ones are read whole with one call and hold no file; large ones keep their file open, so that a
// reader sees the blob that it opened even when the name is overwritten or deleted meanwhile.

import type { FileHandle } from 'node:fs/promises';
import { AppError } from '../../model/errors.ts';
import type { ByteRange, ObjectInfo, OpenObject } from '../port.ts';
import type { BlobTrailer } from './blob-trailer.ts';
import { damagedBlob, decodeTrailer, TRAILER_BYTES_MAX } from './blob-trailer.ts';
import type { Disk } from './disk.ts';
import { errorCode, diskError, onDisk } from './disk.ts';

/** Files up to this size are read whole at open. */
const WHOLE_FILE_BYTES = 65_536;
const CHUNK_BYTES = 262_144;

const READING = { doing: 'read a blob' };

/** Null when there is no such file. */
export async function statBlob(disk: Disk, path: string): Promise<BlobTrailer | null> {
  const file = await openFile(disk, path);
  if (file === null) return null;
  try {
    const { size } = await onDisk(file.stat(), READING);
    return decodeTrailer(await readExactly(file, tailOf(size, TRAILER_BYTES_MAX)), size);
  } finally {
    await file.close();
  }
}

export interface OpenOrder {
  readonly path: string;
  readonly name: string;
  readonly range: ByteRange;
}

/** Null when there is no such file. A range past the end is cut to what there is. */
export async function openBlob(disk: Disk, { path, name, range }: OpenOrder): Promise<OpenObject | null> {
  const file = await openFile(disk, path);
  if (file === null) return null;
  let kept = false;
  try {
    const { size } = await onDisk(file.stat(), READING);
    const tail = tailOf(size, size <= WHOLE_FILE_BYTES ? size : TRAILER_BYTES_MAX);
    const bytes = await readExactly(file, tail);
    const info = infoOf(decodeTrailer(bytes, size), name);
    const span = spanOf(range, info.size);
    if (tail.start === 0) return { ...info, body: oneChunk(bytes.subarray(span.start, span.end)) };
    kept = true;
    return { ...info, body: fileBody(file, span) };
  } finally {
    if (!kept) await file.close();
  }
}

/** What callers may know. A file that was moved by hand is not the blob that they asked for. */
export function infoOf({ name, size, sha256 }: BlobTrailer, wanted: string): ObjectInfo {
  if (name !== wanted) throw damagedBlob('the file holds another name');
  return { size, sha256 };
}

async function openFile(disk: Disk, path: string): Promise<FileHandle | null> {
  try {
    return await disk.open(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw diskError(error, READING);
  }
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function tailOf(fileBytes: number, wanted: number): Span {
  return { start: Math.max(0, fileBytes - wanted), end: fileBytes };
}

function spanOf(range: ByteRange, size: number): Span {
  const { start, end = size } = range;
  if (![start, end].every((at) => Number.isSafeInteger(at) && at >= 0)) {
    throw new AppError('invalid', 'A byte range holds whole numbers from 0.', { detail: `${start} to ${end}` });
  }
  const cutEnd = Math.min(end, size);
  return { start: Math.min(start, cutEnd), end: cutEnd };
}

async function readExactly(file: FileHandle, span: Span): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(span.end - span.start);
  let done = 0;
  while (done < bytes.length) {
    const reading = file.read(bytes, done, bytes.length - done, span.start + done);
    const { bytesRead } = await onDisk(reading, READING);
    if (bytesRead === 0) throw damagedBlob(`ends at ${span.start + done}, expected ${span.end}`);
    done += bytesRead;
  }
  return bytes;
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** Closes the files of bodies that nobody read: a caller may open a blob and then lose interest. */
const unread = new FinalizationRegistry<FileHandle>((file) => void file.close().catch(() => undefined));

/** Not a generator: one that was never started does not run its clean-up when it is told to return. */
function fileBody(file: FileHandle, span: Span): AsyncIterable<Uint8Array> {
  let at = span.start;
  let closed = false;

  async function end(): Promise<IteratorResult<Uint8Array>> {
    if (!closed) {
      closed = true;
      unread.unregister(body);
      await file.close();
    }
    return { done: true, value: undefined };
  }

  async function next(): Promise<IteratorResult<Uint8Array>> {
    if (closed || at >= span.end) return end();
    try {
      const chunk = await readExactly(file, { start: at, end: Math.min(at + CHUNK_BYTES, span.end) });
      at += chunk.length;
      return { done: false, value: chunk };
    } catch (error) {
      await end();
      throw error;
    }
  }

  const body = { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  unread.register(body, file, body);
  return body;
}
