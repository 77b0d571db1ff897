// Steps from one format of the data to the next. The format that the data has is kept in the data itself and changes in the
// same LMDB transaction as the data; the note in the directory only repeats it for those who have not opened LMDB yet.
//
// To change the format: append a step here, and a test that makes a store of the old format and opens it.

import type { LmdbFiles } from './lmdb-files.ts';

/** Runs inside one LMDB write transaction: its writes are applied together or not at all. */
export type Migration = (files: LmdbFiles) => void;

/** `MIGRATIONS[n]` turns format n + 1 into n + 2. */
export const MIGRATIONS: readonly Migration[] = [];

interface MigrateOptions {
  readonly migrations: readonly Migration[];
  /** What the note says; the data may be further already, if the process died before the note was written. */
  readonly from: number;
}

/** Brings the data to the newest format, step by step. */
export function migrate(files: LmdbFiles, { migrations, from }: MigrateOptions): void {
  const newest = migrations.length + 1;
  const format = files.meta.get('format');
  for (let step = format ?? from; step < newest; step++) {
    files.root.transactionSync(() => {
      migrations[step - 1]?.(files);
      files.meta.putSync('format', step + 1);
    });
  }
  if (format === undefined) files.meta.putSync('format', newest);
}
