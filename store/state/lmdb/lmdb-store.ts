// The embedded backend: one directory, one process, durable at each acknowledged commit. The default of a single node.

import { randomBytes } from 'node:crypto';
import type { StateStore, StoreLimits } from '../port.ts';
import type { Clock } from '../mvcc/clock.ts';
import { systemClock } from '../mvcc/clock.ts';
import { createEngine } from '../mvcc/engine.ts';
import type { HistoryBounds } from '../mvcc/history.ts';
import { makeDirectory, readNote, writeNote } from './data-directory.ts';
import { lockDirectory } from './directory-lock.ts';
import { LmdbBacking } from './lmdb-backing.ts';
import type { LmdbFiles } from './lmdb-files.ts';
import { openLmdbFiles } from './lmdb-files.ts';
import type { Migration } from './migrations.ts';
import { migrate, MIGRATIONS } from './migrations.ts';

/** Far above etcd's: nothing crosses a network here. 16 MiB is what one group may hold up the others for, some 50 ms. */
export const LMDB_LIMITS: StoreLimits = { operationsMax: 10_000, bytesMax: 16 * 1024 * 1024 };

export interface LmdbStoreOptions {
  readonly directory: string;
  readonly clock?: Clock;
  readonly history?: HistoryBounds;
  readonly migrations?: readonly Migration[];
}

/**
 * Opens or makes the store in `directory`. Throws AppError: 'conflict' when another process has it, 'invalid' when the
 * directory is not ours or too new, 'internal' when it is damaged; each says what to do.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<StateStore> {
  const { directory, clock = systemClock, history, migrations = MIGRATIONS } = options;
  await makeDirectory(directory);
  const lock = await lockDirectory(directory);
  let files: LmdbFiles | null = null;
  try {
    files = await openFiles({ directory, migrations });
    const backing = new LmdbBacking({
      directory,
      files,
      reopen: () => openLmdbFiles({ directory, mustExist: true }),
      onClosed: () => lock.release(),
    });
    const store = createEngine({
      backing,
      clock,
      limits: LMDB_LIMITS,
      newLeaseId: createLeaseIds(),
      // After the input of this turn of the event loop, so that requests that came in together share a flush.
      defer: setImmediate,
      ...(history === undefined ? {} : { history }),
    });
    await deleteLeased(store, [...files.leased.getKeys({ start: '\0' })]);
    return store;
  } catch (error) {
    await files?.root.close();
    await lock.release();
    throw error;
  }
}

interface FilesOptions {
  readonly directory: string;
  readonly migrations: readonly Migration[];
}

async function openFiles({ directory, migrations }: FilesOptions): Promise<LmdbFiles> {
  const newest = migrations.length + 1;
  const note = await readNote(directory, newest);
  if (note === null) await writeNote(directory, { format: newest, ready: false });
  const isReady = note?.ready ?? false;
  const files = await openLmdbFiles({ directory, mustExist: isReady });
  try {
    migrate(files, { migrations, from: isReady ? (note?.format ?? newest) : newest });
    if (!isReady || note?.format !== newest) await writeNote(directory, { format: newest, ready: true });
    return files;
  } catch (error) {
    await files.root.close();
    throw error;
  }
}

/** The lease holders of the last process died with it, and there is one process a directory. */
async function deleteLeased(store: StateStore, keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += store.limits.operationsMax) {
    const writes = keys.slice(at, at + store.limits.operationsMax).map((key) => ({ op: 'delete' as const, key }));
    await store.commit({ compares: [], writes });
  }
}

/** Never one of an earlier process: its holder must hear that it is gone. */
function createLeaseIds(): () => string {
  const boot = randomBytes(8).toString('hex');
  let count = 0;
  return () => `${boot}-${++count}`;
}
