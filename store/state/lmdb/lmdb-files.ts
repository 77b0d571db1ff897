// Opens LMDB the way that the state store needs it, and keeps what it knows of lmdb-js in one place.
//
// `overlappingSync: false` is what makes durability simple: a write's promise then resolves after fdatasync of the pages and the
// O_DSYNC write of the header page, in this order. (By default lmdb-js resolves it before, and syncs later.) Measured, it costs
// nothing: 0.6 ms a group either way.

import { open } from 'lmdb';
import type { Database, RootDatabase, RootDatabaseOptions } from 'lmdb';
import { checkDataFile, damaged, dataFile } from './data-directory.ts';
import type { Entry } from './value-codec.ts';
import { decodeHead, decodeValue, keyEncoder } from './value-codec.ts';
import { errorText } from '../../model/errors.ts';

/** Address space, not disk or memory: the file grows with what is in it. So large that LMDB never has to map it anew. */
const MAP_BYTES = 64 * 1024 ** 3;

/** What a batch needs of a table. Only the batch's own promise tells anything, so those of its parts are not even typed. */
export interface BatchTable<V> {
  put(key: string, value: V): unknown;
  remove(key: string): unknown;
}

export interface LmdbFiles {
  readonly root: RootDatabase;
  /** Two views of one table: whole entries, and all of them but the text. */
  readonly data: Database<Entry, string>;
  readonly heads: Database<Entry, string>;
  /** Keys that have a lease, for the next process to delete. */
  readonly leased: Database<string, string>;
  /** `revision` of the last commit, and the `format` of the data. */
  readonly meta: Database<number, string>;
  /** The same tables for `root.batch`; values of `data` come encoded. */
  readonly batch: {
    readonly data: BatchTable<Uint8Array>;
    readonly leased: BatchTable<string>;
    readonly meta: BatchTable<number>;
  };
}

interface OpenOptions {
  readonly directory: string;
  /** The file was there in full before: it must not be made anew, and must be readable. */
  readonly mustExist: boolean;
}

/** Throws AppError('internal') that says what to do when the file is damaged. */
export async function openLmdbFiles({ directory, mustExist }: OpenOptions): Promise<LmdbFiles> {
  const { wasShort } = mustExist ? await checkDataFile(directory) : { wasShort: false };
  let files: LmdbFiles | null = null;
  try {
    files = openTables(directory);
    if (wasShort) readAll(files);
    return files;
  } catch (error) {
    await files?.root.close();
    throw damaged(directory, errorText(error), error);
  }
}

function openTables(directory: string): LmdbFiles {
  const root = open({
    path: dataFile(directory),
    mapSize: MAP_BYTES,
    maxDbs: 8,
    overlappingSync: false,
    // One batch is one LMDB transaction, begun at once; nothing else ever writes.
    eventTurnBatching: false,
  });
  const table = (options: RootDatabaseOptions) => ({ keyEncoder, ...options });
  const leased = root.openDB<string, string>('leased', table({ encoding: 'string' }));
  const meta = root.openDB<number, string>('meta', { encoding: 'json' });
  return {
    root,
    data: root.openDB('data', table({ encoder: { encode: refuse, decode: decodeValue } })),
    heads: root.openDB('data', table({ encoder: { encode: refuse, decode: decodeHead } })),
    leased,
    meta,
    batch: { data: root.openDB<Uint8Array, string>('data', table({ encoding: 'binary' })), leased, meta },
  };
}

function refuse(): never {
  throw new Error('values are written encoded, through a batch');
}

/** Touches every key and value, so that a hole in the file shows now and not in some later read. */
function readAll({ data, leased }: LmdbFiles): void {
  for (const { value } of data.getRange({ start: '\0' })) void value.modRevision;
  for (const key of leased.getKeys({ start: '\0' })) void key;
}
