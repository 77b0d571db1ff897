// The directories of the blobs: made when needed, removed when empty, and synced so that a renamed file is still there after
// a power cut. Syncs are shared: of all that want one directory synced while it is being synced, the next sync serves all.
//
// A directory is *settled* when its own entry in its parent is known to be on disk. A blob is durable when its directory was
// synced after the rename and every directory above is settled. Where other processes remove directories too, nothing can be
// remembered as settled: what was may be another directory of the same name by now.

import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Disk } from './disk.ts';
import { errorCode } from './disk.ts';

/** Knowing more would only save a sync: about 2 MB of paths. */
const SETTLED_MAX = 10_000;

export interface DirectoryTree {
  /** Until the returned function is called, this process begins no removal of the directory or of one above. */
  hold(directory: string): () => void;
  /** Makes the directory and those above; false positives of the memory are mended with `again`. */
  make(directory: string, options?: { readonly again?: boolean }): Promise<void>;
  /** Syncs the directory and settles all above, up to the root. A directory that is gone needs no sync. */
  settle(directory: string): Promise<void>;
  /** Removes the directory and those above that are empty; what then was changed last is synced. */
  prune(directory: string): Promise<void>;
}

export function createDirectoryTree(disk: Disk, root: string, { shared = false } = {}): DirectoryTree {
  const sync = createSharedSync(disk);
  const settled = new Set<string>([root]);
  /** Counts removals: what was settled before one may be another directory of the same name after it. */
  let removals = 0;

  /** How many puts are on their way into a directory, or into one below. */
  const held = new Map<string, number>();

  function hold(directory: string): () => void {
    const chain: string[] = [];
    for (let above = directory; above !== root; above = dirname(above)) chain.push(above);
    for (const each of chain) held.set(each, (held.get(each) ?? 0) + 1);
    return () => {
      for (const each of chain) {
        const left = (held.get(each) ?? 1) - 1;
        if (left === 0) held.delete(each);
        else held.set(each, left);
      }
    };
  }

  async function make(directory: string, { again = false } = {}): Promise<void> {
    if (!again && settled.has(directory)) return;
    await disk.mkdir(directory, { recursive: true, mode: 0o700 });
  }

  async function settle(directory: string): Promise<void> {
    const removalsBefore = removals;
    const open = [];
    for (let above = directory; !settled.has(above); above = dirname(above)) open.push(above);
    const syncs = await Promise.allSettled([sync(directory), ...open.map((unsettled) => sync(dirname(unsettled)))]);
    // All have ended before one's failure is told: nothing goes on behind the caller's back.
    for (const each of syncs) if (each.status === 'rejected') throw each.reason;
    if (shared || removals !== removalsBefore) return;
    if (settled.size + open.length > SETTLED_MAX) forgetAll();
    for (const done of open) settled.add(done);
  }

  function forgetAll(): void {
    settled.clear();
    settled.add(root);
  }

  async function prune(directory: string): Promise<void> {
    let left = directory;
    while (left !== root && (await removeIfEmpty(left))) left = dirname(left);
    await sync(left);
  }

  async function removeIfEmpty(directory: string): Promise<boolean> {
    if (held.has(directory)) return false;
    settled.delete(directory);
    removals += 1;
    try {
      await disk.rmdir(directory);
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return true;
      if (['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(errorCode(error) ?? '')) return false;
      throw error;
    }
  }

  return { hold, make, settle, prune };
}

interface Syncing {
  running: Promise<void> | null;
  next: Promise<void> | null;
}

/** Syncs of one directory, at most one at work and one that waits: who comes later joins the one that waits. */
function createSharedSync(disk: Disk): (directory: string) => Promise<void> {
  const syncing = new Map<string, Syncing>();

  function start(directory: string, state: Syncing): Promise<void> {
    state.next = null;
    const running = syncDirectory(disk, directory).finally(() => {
      state.running = null;
      if (state.next === null) syncing.delete(directory);
    });
    state.running = running;
    return running;
  }

  return function sync(directory) {
    const state = syncing.get(directory) ?? { running: null, next: null };
    syncing.set(directory, state);
    if (state.running === null) return start(directory, state);
    // A sync that runs already may have begun before the caller's change: only the next one covers it.
    state.next ??= state.running.then(
      () => start(directory, state),
      () => start(directory, state),
    );
    return state.next;
  };
}

/** A directory that is gone needs no sync. */
export async function syncDirectory(disk: Disk, directory: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await disk.open(directory, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
