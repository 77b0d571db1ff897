// What the store needs of a disk, so that tests can give it one that fills up or fails, and what a disk's faults mean to
// callers: all of them are 'unavailable', and a full one says so.

import * as fileSystem from 'node:fs/promises';
import { AppError, errorText } from '../../model/errors.ts';
import type { WriteOutcome } from '../../model/errors.ts';

export type Disk = Pick<
  typeof fileSystem,
  'open' | 'rename' | 'link' | 'mkdir' | 'unlink' | 'rmdir' | 'opendir' | 'stat'
>;

export const realDisk: Disk = fileSystem;

/** No space, or none left for this user. */
const FULL = ['ENOSPC', 'EDQUOT'];

interface Doing {
  readonly doing: string;
  readonly outcome?: WriteOutcome;
}

/** Waits for work on the disk and turns its fault into an AppError. */
export async function onDisk<T>(work: Promise<T>, doing: Doing): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw diskError(error, doing);
  }
}

export function diskError(error: unknown, { doing, outcome }: Doing): AppError {
  const full = FULL.includes(errorCode(error) ?? '');
  return new AppError('unavailable', full ? 'The disk of the object store is full.' : 'The object store failed.', {
    detail: `${doing}: ${errorText(error)}`,
    cause: error,
    ...(outcome === undefined ? {} : { outcome }),
  });
}

/** The system's name of a fault, as ENOENT; undefined for what is no system error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** For what may be gone already. */
export async function unlinkIfThere(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.unlink(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
