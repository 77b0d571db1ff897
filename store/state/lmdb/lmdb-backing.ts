// The engine's backing on LMDB. Nothing is cached: reads go to the memory map. All reads use one snapshot that is taken anew
// after each group, so that a group that LMDB has written but not yet reported is not seen early.

import { statfsSync } from 'node:fs';
import type { Transaction } from 'lmdb';
import { AppError, errorText } from '../../model/errors.ts';
import type { WriteOutcome } from '../../model/errors.ts';
import type { Backing, Commit } from '../mvcc/backing.ts';
import { keyOf, stateAfter } from '../mvcc/backing.ts';
import type { KeyRange, KeyValue } from '../port.ts';
import { compareText } from '../text.ts';
import type { LmdbFiles } from './lmdb-files.ts';
import { createValueWriter } from './value-codec.ts';

/** lmdb-js gives the reason in a second promise, settled in the same turn; it is not worth waiting for longer. */
const REASON_WAIT_MS = 1_000;

const NO_SPACE = 'The state store has no space left for writes.';

/** ENOSPC, EFBIG, EDQUOT, and LMDB's own map full: all met while pages are added, before the header that makes them count. */
const NO_SPACE_CODES: readonly unknown[] = [28, 27, 122, -30792];

/**
 * Room that must be left on the disk beyond what a group writes: for the pages that LMDB copies, and for what others write in the
 * meantime. Refused in time, because lmdb-js damages its own heap when the system refuses a large write for want of room.
 */
const ROOM_RESERVED_BYTES = 8 * 1024 * 1024;
/** A changed page is written anew, and a value lies in whole pages. */
const ROOM_FACTOR = 2;

export interface LmdbBackingDeps {
  readonly directory: string;
  readonly files: LmdbFiles;
  readonly reopen: () => Promise<LmdbFiles>;
  /** Runs after the files are closed for good. */
  readonly onClosed: () => Promise<void>;
}

/** Takes over the files. */
export class LmdbBacking implements Backing {
  readonly #deps: LmdbBackingDeps;
  readonly #writer = createValueWriter();
  #files: LmdbFiles | null;
  #snapshot: { readonly transaction: Transaction } | null = null;
  #revision: number;
  /** The write that failed last never reached LMDB. */
  #isUntouched = false;

  constructor(deps: LmdbBackingDeps) {
    this.#deps = deps;
    this.#files = deps.files;
    this.#revision = storedRevision(deps.files);
  }

  revision(): number {
    return this.#revision;
  }

  get(key: string): KeyValue | null {
    const entry = this.#usable().data.get(key, this.#readOptions());
    if (entry === undefined) return null;
    entry.key = key;
    return entry;
  }

  *scan(range: KeyRange, { keysOnly }: { readonly keysOnly: boolean }): Iterable<KeyValue> {
    // LMDB takes an empty end for no end at all.
    if (compareText(range.start, range.end) >= 0) return;
    const table = keysOnly ? this.#usable().heads : this.#usable().data;
    const start = range.start === '' ? '\0' : range.start;
    for (const { key, value } of table.getRange({ start, end: range.end, ...this.#readOptions() })) {
      value.key = key;
      yield value;
    }
  }

  async write(commits: readonly Commit[]): Promise<void> {
    const { root, batch } = this.#usable();
    // The snapshot of before the group serves all reads until the group is durable.
    this.#readOptions();
    this.#writer.reset();
    // Encoded before the batch begins: an exception inside would leave half a batch to be written.
    const values = commits.map(({ events }) =>
      events.map((event) => (event.type === 'put' ? this.#writer.encode(event.kv) : null)),
    );
    const last = commits.at(-1)?.revision ?? this.#revision;
    this.#refuseWithoutRoom(values.flat().reduce((sum, value) => sum + (value?.length ?? 0), 0));
    try {
      await root.batch(() => {
        commits.forEach((commit, index) => putCommit(batch, commit, values[index] ?? []));
        batch.meta.put('revision', last);
      });
    } catch (error) {
      throw await writeFailure(error);
    }
    this.#revision = last;
    this.#renewSnapshot();
  }

  /** Closing and opening is the one way back that also ends LMDB's panic after a failed header write: any write would hang. */
  async recover(): Promise<'settled' | 'unsettled'> {
    if (this.#isUntouched) {
      this.#isUntouched = false;
      return 'settled';
    }
    const found = await this.#reopen();
    const isSettled = await this.#settle(found);
    // A write that failed needs the way back as well.
    if (!isSettled && (await this.#reopen()) !== this.#revision) {
      throw new AppError('unavailable', 'The state store cannot write.', { outcome: 'unknown' });
    }
    if (isSettled) this.#revision = found;
    this.#renewSnapshot();
    return isSettled ? 'settled' : 'unsettled';
  }

  /** Gives the revision that is there now. */
  async #reopen(): Promise<number> {
    await this.#closeFiles();
    this.#files = await this.#deps.reopen();
    return storedRevision(this.#files);
  }

  /**
   * A small write of our own: it makes LMDB sync what is there, replaces whatever the failed write may have left in a header,
   * and lets LMDB use again the pages that were freed last. On a full disk it often still fits when the failed write did not.
   */
  async #settle(revision: number): Promise<boolean> {
    if (!this.#hasRoom(0)) return false;
    try {
      await this.#usable().meta.put('revision', revision);
      return true;
    } catch (error) {
      await reasonOf(error);
      return false;
    }
  }

  #refuseWithoutRoom(bytes: number): void {
    if (this.#hasRoom(bytes)) return;
    this.#isUntouched = true;
    const detail = `less than ${ROOM_RESERVED_BYTES / 1024 / 1024} MiB free in ${this.#deps.directory}`;
    throw new AppError('unavailable', NO_SPACE, { detail, outcome: 'not_applied' });
  }

  #hasRoom(bytes: number): boolean {
    const { bavail, bsize } = statfsSync(this.#deps.directory);
    return bavail * bsize >= ROOM_RESERVED_BYTES + ROOM_FACTOR * bytes;
  }

  async close(): Promise<void> {
    await this.#closeFiles();
    await this.#deps.onClosed();
  }

  async #closeFiles(): Promise<void> {
    const files = this.#files;
    this.#files = null;
    this.#snapshot?.transaction.done();
    this.#snapshot = null;
    await files?.root.close();
  }

  #usable(): LmdbFiles {
    if (this.#files !== null) return this.#files;
    throw new AppError('unavailable', 'The state store is not open.', { outcome: 'not_applied' });
  }

  #readOptions(): { readonly transaction: Transaction } {
    this.#snapshot ??= { transaction: this.#usable().root.useReadTransaction() };
    return this.#snapshot;
  }

  #renewSnapshot(): void {
    this.#snapshot?.transaction.done();
    this.#snapshot = null;
    this.#usable().root.resetReadTxn();
    this.#readOptions();
  }
}

function storedRevision({ meta }: LmdbFiles): number {
  return meta.get('revision') ?? 0;
}

function putCommit(batch: LmdbFiles['batch'], commit: Commit, values: readonly (Uint8Array | null)[]): void {
  const { events, previous } = commit;
  events.forEach((event, index) => {
    const value = values[index] ?? null;
    const key = keyOf(event);
    if (value === null) batch.data.remove(key);
    else batch.data.put(key, value);
    const lease = stateAfter(event)?.lease ?? '';
    if (lease !== '') batch.leased.put(key, lease);
    else if ((previous[index]?.lease ?? '') !== '') batch.leased.remove(key);
  });
}

async function writeFailure(error: unknown): Promise<AppError> {
  const reason = await reasonOf(error);
  const code = reason instanceof Error && 'code' in reason ? reason.code : undefined;
  const isFull = NO_SPACE_CODES.includes(code);
  const message = isFull ? NO_SPACE : 'The state store cannot write.';
  const outcome: WriteOutcome = isFull ? 'not_applied' : 'unknown';
  return new AppError('unavailable', message, { detail: errorText(reason), cause: reason, outcome });
}

async function reasonOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  const limit = new Promise((resolve) => setTimeout(resolve, REASON_WAIT_MS, error).unref());
  return Promise.race([error.commitError, limit]).catch((reason: unknown) => reason);
}
