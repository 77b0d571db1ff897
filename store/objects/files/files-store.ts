// The object store on a directory: one file for each blob, no index, nothing in memory that the disk does not know.
//
//   blobs/<segment>/<segment>@   a blob: its bytes, then its trailer (blob-trailer.ts)
//   incoming/<owner and random>  a blob that is being written; what a crash leaves here is swept at the next start
//
// A put writes and syncs a file in incoming/, renames it over the target (readers see the old blob or the new one), and syncs
// the directories. A put that may only create links it to its place instead, which fails when somebody was there before.
//
// Several processes may use the directory when all of them open it as shared. If not, the sweep of a second would take the puts
// of the first away, which then fail as 'unavailable', without harm to any blob.

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
import { createIncomingNames } from './incoming-names.ts';
import type { IncomingNames } from './incoming-names.ts';

/** A try fails only by a removal of the empty directory that another process, or a delete before this put, has begun. */
const PLACE_TRIES_MAX = 100;

/** What a recursive mkdir answers when one of the directories is removed under its hands. */
const GONE_WHILE_MADE = ['ENOENT', 'ENOTDIR', 'EEXIST'];

const REMOVING = { doing: 'delete a blob' };

export interface FilesStoreOptions {
  /** Made when absent, with the directories above. */
  readonly directory: string;
  /** Other processes use the directory at the same time, and say so too. Costs some syncs of directories for each put. */
  readonly shared?: boolean;
  /** For tests: a disk with faults. */
  readonly disk?: Disk;
}

/** Opens the store and sweeps what a crash has left. Throws 'unavailable' when the directory cannot be used. */
export async function openFilesStore(options: FilesStoreOptions): Promise<ObjectStore> {
  const { directory, disk = realDisk, shared = false } = options;
  const root = join(directory, 'blobs');
  const incoming = join(directory, 'incoming');
  const names = createIncomingNames();
  await onDisk(prepare(disk, { root, incoming }), { doing: `open ${directory}` });
  await onDisk(sweep(disk, incoming, shared ? names : null), { doing: `sweep ${incoming}` });
  const tree = createDirectoryTree(disk, root, { shared });
  const puts = new Set<{ readonly control: AbortController; readonly ended: Promise<unknown> }>();
  let closed = false;

  function assertOpen(): void {
    if (closed) throw new AppError('unavailable', 'The object store is closed.', { outcome: 'not_applied' });
  }

  const put: ObjectStore['put'] = async (name, body, { maxBytes = Infinity, ifAbsent = false, signal } = {}) => {
    assertOpen();
    const path = blobPath(root, name);
    const control = new AbortController();
    const temporary = join(incoming, names.fresh());
    const abort = () => control.abort(signal?.reason);
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const ended = putBlob({ disk, tree, path, name, temporary, body, maxBytes, ifAbsent, signal: control.signal });
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
}

/** Takes away what crashes have left: everything when nobody else is here, else only what surely nobody writes any more. */
async function sweep(disk: Disk, incoming: string, others: IncomingNames | null): Promise<void> {
  for await (const { name } of await disk.opendir(incoming)) {
    const path = join(incoming, name);
    if (others === null || others.isLeftOver({ name, modifiedMs: await modified(disk, path) }, Date.now())) {
      await unlinkIfThere(disk, path);
    }
  }
}

/** What is gone by now was modified just now: nothing is left to be done about it. */
async function modified(disk: Disk, path: string): Promise<number> {
  try {
    return (await disk.stat(path)).mtimeMs;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return Date.now();
    throw error;
  }
}

interface PutOrder {
  readonly disk: Disk;
  readonly tree: DirectoryTree;
  readonly name: string;
  readonly path: string;
  readonly temporary: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly maxBytes: number;
  readonly ifAbsent: boolean;
  readonly signal: AbortSignal;
}

const SYNCING = { doing: 'sync directories', outcome: 'unknown' } as const;

async function putBlob(order: PutOrder): Promise<ObjectInfo> {
  const { disk, tree, path, temporary, signal } = order;
  // Known without reading the body; whoever comes in between is met by the link.
  if (order.ifAbsent && (await statBlob(disk, path)) !== null) return refuse(order);
  const info = await writeTemporary(disk, order);
  let isPlaced = false;
  try {
    signal.throwIfAborted();
    isPlaced = await onDisk(place(order), { doing: 'move a blob to its place', outcome: 'not_applied' });
  } catch (error) {
    // The first error is the one to tell; what stays behind is swept at the next start.
    await unlinkIfThere(disk, temporary).catch(() => false);
    await tree.prune(dirname(path)).catch(() => undefined);
    throw error;
  }
  // What stays behind is a second name of the blob at worst, and swept at the next start.
  if (order.ifAbsent) await unlinkIfThere(disk, temporary).catch(() => false);
  if (!isPlaced) return refuse(order);
  await onDisk(tree.settle(dirname(path)), SYNCING);
  return info;
}

/** Whoever is told that the blob is there may rely on it, also when its own put has not come to its end. */
async function refuse({ tree, path, name }: PutOrder): Promise<never> {
  await onDisk(tree.settle(dirname(path)), SYNCING);
  throw new AppError('conflict', 'The object exists already.', { detail: name, outcome: 'not_applied' });
}

/** Moves into a directory that a delete next door may just be removing, since it is empty. False when it may only create. */
async function place(order: PutOrder): Promise<boolean> {
  const letGo = order.tree.hold(dirname(order.path));
  try {
    for (let tries = 1; ; tries += 1) {
      const isPlaced = await placed(order, tries);
      if (isPlaced !== null) return isPlaced;
    }
  } finally {
    letGo();
  }
}

/** Null = to be tried again: the directory went away in between. */
async function placed({ disk, tree, path, temporary, ifAbsent }: PutOrder, tries: number): Promise<boolean | null> {
  const mayTryAgain = (error: unknown, codes: readonly string[]) =>
    tries < PLACE_TRIES_MAX && codes.includes(errorCode(error) ?? '');
  try {
    await tree.make(dirname(path), { again: tries > 1 });
  } catch (error) {
    if (mayTryAgain(error, GONE_WHILE_MADE)) return null;
    throw error;
  }
  try {
    if (ifAbsent) await disk.link(temporary, path);
    else await disk.rename(temporary, path);
    return true;
  } catch (error) {
    if (ifAbsent && errorCode(error) === 'EEXIST') return false;
    if (mayTryAgain(error, ['ENOENT'])) return null;
    throw error;
  }
}
