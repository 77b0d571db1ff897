// Reads an attempt's log: two files and, for attempts that lived longer than a moment, an index of when they grew. Pieces
// come in the order of the index; what lies behind its end comes last, the file that was written earlier first.

import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../../store/model/errors.ts';
import type { LogChunk, LogOptions, LogStream } from '../port.ts';
import { parseIndexEntry } from './attempt-parse.ts';
import type { IndexEntry } from './attempt-parse.ts';
import type { AttemptPaths } from './attempt-files.ts';
import { hasCode } from './attempt-files.ts';

/** One chunk; what a reader of the log holds in memory. */
const CHUNK_BYTES = 65_536;
/** A follower looks for more this often: a person does not see less, and a stat costs microseconds. */
const FOLLOW_PAUSE_MS = 40;

export interface LogSource {
  readonly paths: AttemptPaths;
  /** Asked before the files are: what was written before the end is then surely read. */
  readonly hasEnded: () => Promise<boolean>;
  /** False once the attempt was forgotten, and its files with it. */
  readonly isKnown: () => Promise<boolean>;
}

/** Throws 'not_found' when the attempt was forgotten before its files were opened: its log is elsewhere by then. */
export async function* readLog(source: LogSource, options: LogOptions): AsyncGenerator<LogChunk> {
  const { signal } = options;
  const files = {
    stdout: new LogFile(source.paths.stdout, options.from?.stdout ?? 0),
    stderr: new LogFile(source.paths.stderr, options.from?.stderr ?? 0),
  };
  const index = new IndexFile(source.paths.index);
  let last = 0;

  async function* upTo(stream: LogStream, end: number, at: number): AsyncGenerator<LogChunk> {
    for (;;) {
      const bytes = await files[stream].read(end);
      if (bytes === null || signal?.aborted === true) return;
      last = Math.max(last, at);
      yield { stream, at: last, bytes };
    }
  }

  try {
    for (;;) {
      const ended = !options.follow || (await source.hasEnded());
      for await (const entry of index.next()) {
        yield* upTo('stdout', entry.stdout, entry.at);
        yield* upTo('stderr', entry.stderr, entry.at);
      }
      const tails = [await tailOf('stdout', files.stdout), await tailOf('stderr', files.stderr)];
      tails.sort((a, b) => a.at - b.at);
      for (const tail of tails) yield* upTo(tail.stream, tail.end, tail.at);
      if (signal?.aborted === true) return;
      const isWhole = files.stdout.isOpen && files.stderr.isOpen;
      if (!isWhole && !(await source.isKnown())) throw new AppError('not_found', 'The attempt was forgotten.');
      if (ended) return;
      await pause(FOLLOW_PAUSE_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  } finally {
    await Promise.all([files.stdout.close(), files.stderr.close(), index.close()]);
  }
}

async function tailOf(stream: LogStream, file: LogFile) {
  const { size, at } = await file.size();
  return { stream, end: size, at };
}

/** One stream, read forward. Opened when there is something to read. */
class LogFile {
  readonly #path: string;
  #at: number;
  #handle: FileHandle | null = null;

  constructor(path: string, from: number) {
    this.#path = path;
    this.#at = from;
  }

  get isOpen(): boolean {
    return this.#handle !== null;
  }

  async size(): Promise<{ readonly size: number; readonly at: number }> {
    this.#handle ??= await openOrNull(this.#path);
    const stat = await this.#handle?.stat();
    return { size: stat?.size ?? 0, at: Math.floor(stat?.mtimeMs ?? 0) };
  }

  /** The next piece before `end`; null when all before it was read. */
  async read(end: number): Promise<Uint8Array | null> {
    if (this.#at >= end) return null;
    this.#handle ??= await openOrNull(this.#path);
    const length = Math.min(CHUNK_BYTES, end - this.#at);
    const read = await this.#handle?.read(Buffer.allocUnsafe(length), 0, length, this.#at);
    if (read === undefined || read.bytesRead === 0) return null;
    this.#at += read.bytesRead;
    return read.buffer.subarray(0, read.bytesRead);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
  }
}

/** The index, read forward; a last line without its end is left for the next time. */
class IndexFile {
  readonly #file: LogFile;
  #rest = '';

  constructor(path: string) {
    this.#file = new LogFile(path, 0);
  }

  async *next(): AsyncGenerator<IndexEntry> {
    const { size } = await this.#file.size();
    for (;;) {
      const bytes = await this.#file.read(size);
      if (bytes === null) return;
      const lines = (this.#rest + Buffer.from(bytes).toString('latin1')).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        const entry = parseIndexEntry(line);
        if (entry !== null) yield entry;
      }
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
