// The object store on a directory: one file for each blob, no index, nothing in memory that the disk does not know.
//
//   blobs/<segment>/<segment>@   a blob: its bytes, then its trailer (blob-trailer.ts)
//   incoming/<random>            a blob that is being written; what a crash leaves here is swept at the next start
//
// A put writes and syncs a file in incoming/, renames it over the target (readers see the old blob or the new one), and syncs
// the directories. One process at a time may use the directory: the sweep of a second would take the puts of the first away,
// which then fail as 'unavailable', without harm to any blob.

import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { AppError } from '../../model/errors.ts';
import type { ObjectInfo, ObjectStore } from '../port.ts';
import { listBlobs } from './blob-list.ts';
import { blobPath } from './blob-paths.ts';
import { infoOf, openBlob, statBlob } from './blob-reader.ts';
import { writeTemporary } from './blob-writer.ts';
import { createDirectoryTree, syncDirectory } from './directory-tree.ts';
import type { DirectoryTree } from './directory-tree.ts';
import type { Disk } from './disk.ts';
import { errorCode, onDisk, realDisk, unlinkIfThere } from './disk.ts';

/** A try fails only by a removal of the empty directory that was begun before the put held it: those end soon. */
const PLACE_TRIES_MAX = 20;

const REMOVING = { doing: 'delete a blob' };

export interface FilesStoreOptions {
  /** Made when absent, with the directories above. */
  readonly directory: string;
  /** For tests: a disk with faults. */
  readonly disk?: Disk;
}

/** Opens the store and sweeps what a crash has left. Throws 'unavailable' when the directory cannot be used. */
export async function openFilesStore({ directory, disk = realDisk }: FilesStoreOptions): Promise<ObjectStore> {
  const root = join(directory, 'blobs');
  const incoming = join(directory, 'incoming');
  await onDisk(prepare(disk, { root, incoming }), { doing: `open ${directory}` });
  const tree = createDirectoryTree(disk, root);
  const puts = new Set<{ readonly control: AbortController; readonly ended: Promise<unknown> }>();
  let closed = false;

  function assertOpen(): void {
    if (closed) throw new AppError('unavailable', 'The object store is closed.', { outcome: 'not_applied' });
  }

  const put: ObjectStore['put'] = async (name, body, { maxBytes = Infinity, signal } = {}) => {
    assertOpen();
    const path = blobPath(root, name);
    const control = new AbortController();
    const temporary = join(incoming, randomUUID());
    const abort = () => control.abort(signal?.reason);
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const ended = putBlob({ disk, tree, path, name, temporary, body, maxBytes, signal: control.signal });
    const entry = { control, ended: ended.catch(() => undefined) };
    puts.add(entry);
    try {
      return await ended;
    } finally {
      puts.delete(entry);
      signal?.removeEventListener('abort', abort);
    }
  };

  const open: ObjectStore['open'] = async (name, { range = { start: 0 } } = {}) => {
    assertOpen();
    const found = await openBlob(disk, { path: blobPath(root, name), name, range });
    if (found === null) throw new AppError('not_found', 'The object does not exist.', { detail: name });
    return found;
  };

  const stat: ObjectStore['stat'] = async (name) => {
    assertOpen();
    const found = await statBlob(disk, blobPath(root, name));
    return found === null ? null : infoOf(found, name);
  };

  const remove: ObjectStore['delete'] = async (name) => {
    assertOpen();
    const path = blobPath(root, name);
    if (!(await onDisk(unlinkIfThere(disk, path), { ...REMOVING, outcome: 'not_applied' }))) return;
    await onDisk(tree.prune(dirname(path)), { ...REMOVING, outcome: 'unknown' });
  };

  async function* list(prefix: string): AsyncGenerator<string> {
    assertOpen();
    yield* listBlobs(disk, root, prefix);
  }

  async function close(): Promise<void> {
    closed = true;
    const reason = new AppError('unavailable', 'The object store is closing.', { outcome: 'not_applied' });
    const running = [...puts];
    for (const { control } of running) control.abort(reason);
    await Promise.all(running.map(({ ended }) => ended));
  }

  return { put, open, stat, delete: remove, list, close };
}

interface Directories {
  readonly root: string;
  readonly incoming: string;
}

async function prepare(disk: Disk, { root, incoming }: Directories): Promise<void> {
  const firstMade = await disk.mkdir(root, { recursive: true, mode: 0o700 });
  await disk.mkdir(incoming, { recursive: true, mode: 0o700 });
  // Whatever was made just now must outlive a power cut, else the blobs in it would not.
  const top = dirname(firstMade ?? root);
  for (let above = dirname(root); above.length >= top.length; above = dirname(above)) {
    await syncDirectory(disk, above);
    if (above === dirname(above)) break;
  }
  for await (const left of await disk.opendir(incoming)) await unlinkIfThere(disk, join(incoming, left.name));
}

interface PutOrder {
  readonly disk: Disk;
  readonly tree: DirectoryTree;
  readonly name: string;
  readonly path: string;
  readonly temporary: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

async function putBlob(order: PutOrder): Promise<ObjectInfo> {
  const { disk, tree, path, temporary, signal } = order;
  const info = await writeTemporary(disk, order);
  try {
    signal.throwIfAborted();
    await onDisk(place(order), { doing: 'rename a blob to its place', outcome: 'not_applied' });
  } catch (error) {
    // The first error is the one to tell; what stays behind is swept at the next start.
    await unlinkIfThere(disk, temporary).catch(() => false);
    await tree.prune(dirname(path)).catch(() => undefined);
    throw error;
  }
  await onDisk(tree.settle(dirname(path)), { doing: 'sync directories', outcome: 'unknown' });
  return info;
}

/** Renames into a directory that a delete next door may just be removing, since it is empty. */
async function place(order: PutOrder): Promise<void> {
  const letGo = order.tree.hold(dirname(order.path));
  try {
    for (let tries = 1; !(await placed(order, tries)); tries += 1);
  } finally {
    letGo();
  }
}

async function placed({ disk, tree, path, temporary }: PutOrder, tries: number): Promise<boolean> {
  try {
    await tree.make(dirname(path), { again: tries > 1 });
    await disk.rename(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && tries < PLACE_TRIES_MAX) return false;
    throw error;
  }
}
