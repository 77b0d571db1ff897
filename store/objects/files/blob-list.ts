// Walks the directories below a prefix. Nothing is gathered: memory is one page of one directory for each level.

import type { Dir } from 'node:fs';
import { join } from 'node:path';
import { isAppError } from '../../model/errors.ts';
import type { PrefixPlace } from './blob-paths.ts';
import { FILE_MARK, isShortened, mayBegin, prefixPlace } from './blob-paths.ts';
import { statBlob } from './blob-reader.ts';
import type { Disk } from './disk.ts';
import { diskError, errorCode } from './disk.ts';

const LISTING = { doing: 'list blobs' };

/** Names that begin with `prefix`, as they are found: a blob put or deleted meanwhile may be there or not. */
export async function* listBlobs(disk: Disk, root: string, prefix: string): AsyncGenerator<string> {
  const place = prefixPlace(root, prefix);
  if (place === null) return;
  for await (const found of walk(disk, { ...place, known: true })) {
    const name = found.name ?? (await nameInside(disk, found.path));
    if (name?.startsWith(prefix) === true) yield name;
  }
}

interface Level extends PrefixPlace {
  /** False below a shortened segment: `base` is then not what the names begin with. */
  readonly known: boolean;
}

interface Found {
  readonly path: string;
  /** Null when only the trailer tells. */
  readonly name: string | null;
}

async function* walk(disk: Disk, level: Level): AsyncGenerator<Found> {
  const entries = await openDirectory(disk, level.directory);
  if (entries === null) return;
  for await (const entry of entries) {
    if (!mayBegin(entry.name, level.partial)) continue;
    const path = join(level.directory, entry.name);
    const known = level.known && !isShortened(entry.name);
    if (entry.isDirectory()) {
      yield* walk(disk, { directory: path, base: `${level.base}${entry.name}/`, partial: '', known });
    } else if (entry.name.endsWith(FILE_MARK)) {
      yield { path, name: known ? `${level.base}${entry.name.slice(0, -FILE_MARK.length)}` : null };
    }
  }
}

async function openDirectory(disk: Disk, directory: string): Promise<Dir | null> {
  try {
    return await disk.opendir(directory, { bufferSize: 256 });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw diskError(error, LISTING);
  }
}

/** Null for what is gone or damaged: a damaged blob must not hide all others from a clean-up; opening it tells. */
async function nameInside(disk: Disk, path: string): Promise<string | null> {
  try {
    return (await statBlob(disk, path))?.name ?? null;
  } catch (error) {
    if (isAppError(error, 'internal')) return null;
    throw error;
  }
}
