// What lies in a state directory besides the lock: a note that says whose it is and in which format, and LMDB's file. Both are
// looked at before LMDB may touch anything, because LMDB takes an empty file for a new store and a cut file for a crash.

import fs from 'node:fs/promises';
import path from 'node:path';
import { AppError, errorText } from '../../model/errors.ts';
import { isLockFile } from './directory-lock.ts';

const NOTE_FILE = 'gofer-state.json';
const DATA_FILE = 'data.mdb';

export interface FormatNote {
  readonly format: number;
  /** False until the first store was written in full: a crash while it is made is not a loss. */
  readonly ready: boolean;
}

export function dataFile(directory: string): string {
  return path.join(directory, DATA_FILE);
}

/** Makes the directory if it is missing. */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AppError('invalid', `The state directory ${directory} cannot be made: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** Null for a directory that is still empty. Throws AppError('invalid') for one that is not ours or too new. */
export async function readNote(directory: string, newestFormat: number): Promise<FormatNote | null> {
  const names = (await fs.readdir(directory)).filter((name) => !isLockFile(name));
  if (!names.includes(NOTE_FILE)) {
    // A note that was never finished leaves its draft behind.
    if (names.every((name) => name === `${NOTE_FILE}.new`)) return null;
    throw new AppError(
      'invalid',
      `The directory ${directory} is not empty and not a state directory of Gofer: choose another, or an empty one.`,
    );
  }
  const note = parseNote(await fs.readFile(path.join(directory, NOTE_FILE), 'utf8'));
  if (note === null) throw damaged(directory, `${NOTE_FILE} cannot be read`);
  if (note.format > newestFormat) {
    throw new AppError(
      'invalid',
      `The state directory ${directory} has format ${note.format}; this version knows ${newestFormat}. Use a newer version of Gofer.`,
    );
  }
  return note;
}

function parseNote(text: string): FormatNote | null {
  let note: unknown;
  try {
    note = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof note !== 'object' || note === null || !('format' in note) || !('ready' in note)) return null;
  const { format, ready } = note;
  const isFormat = typeof format === 'number' && Number.isInteger(format) && format > 0;
  return isFormat && typeof ready === 'boolean' ? { format, ready } : null;
}

/** Durable when it resolves, the directory's own entries included. */
export async function writeNote(directory: string, note: FormatNote): Promise<void> {
  const draft = path.join(directory, `${NOTE_FILE}.new`);
  const text = JSON.stringify({ kind: 'gofer state store', ...note });
  await fs.writeFile(draft, `${text}\n`, { flush: true });
  await fs.rename(draft, path.join(directory, NOTE_FILE));
  await using handle = await fs.open(directory);
  await handle.sync();
}

export function damaged(directory: string, fault: string, cause?: unknown): AppError {
  return new AppError(
    'internal',
    `The state in ${directory} is damaged (${fault}): restore it from a backup, or move it away to start with an empty one.`,
    cause === undefined ? {} : { cause },
  );
}

// Where LMDB's two header pages keep what is needed here (data format 2, 64-bit, as lmdb 3.5 writes it).
const MAGIC = 0xbeefc0de;
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const LAST_PAGE_AT = 144;
const TRANSACTION_AT = 152;
const HEADER_BYTES = 160;

/**
 * Refuses a file that is no LMDB store. One that ends before its last page is filled up with zeros: LMDB maps the file, and
 * reading beyond its end would kill the process; zeros are an error that can be caught. Tells whether it did so, since a few
 * unused pages may rightly be missing.
 */
export async function checkDataFile(directory: string): Promise<{ readonly wasShort: boolean }> {
  await using file = await fs.open(dataFile(directory), 'r+').catch((error: unknown) => {
    throw damaged(directory, `${DATA_FILE} cannot be opened`, error);
  });
  const { size } = await file.stat();
  const first = await readHeader(file, 0);
  const second = first === null ? null : await readHeader(file, first.pageSize);
  if (first === null || second === null) throw damaged(directory, `${DATA_FILE} has no valid header`);
  const { lastPage } = first.transaction > second.transaction ? first : second;
  const wanted = (lastPage + 1) * first.pageSize;
  if (size >= wanted) return { wasShort: false };
  await file.truncate(wanted);
  return { wasShort: true };
}

interface Header {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: number;
}

async function readHeader(file: fs.FileHandle, position: number): Promise<Header | null> {
  const bytes = Buffer.alloc(HEADER_BYTES);
  const { bytesRead } = await file.read(bytes, 0, HEADER_BYTES, position);
  const pageSize = bytes.readUInt32LE(PAGE_SIZE_AT);
  const isHeader = bytesRead === HEADER_BYTES && bytes.readUInt32LE(MAGIC_AT) === MAGIC && pageSize >= HEADER_BYTES;
  if (!isHeader) return null;
  return {
    pageSize,
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_AT)),
    transaction: Number(bytes.readBigUInt64LE(TRANSACTION_AT)),
  };
}
