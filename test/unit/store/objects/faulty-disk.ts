// A real disk that fails on command, and that counts the files that are open.

import * as fileSystem from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Disk } from '../../../../store/objects/files/disk.ts';

export interface FaultyDisk extends Disk {
  /** Fails the `nth` call from now on (1 = the next), once, with this code. */
  failAt(nth: number, code: string): void;
  /** Calls since the last `failAt`. */
  calls(): number;
  openFiles(): number;
  /** Files and directories that were synced since the last `failAt`. */
  synced(): readonly string[];
}

/** Disks may take or give less than was asked for. */
const shortened = (length: number) => (length > 1_000 ? Math.ceil(length / 2) : length);

export function createFaultyDisk(): FaultyDisk {
  let calls = 0;
  let failing = { nth: 0, code: '' };
  let openFiles = 0;
  let synced: string[] = [];

  async function step<T>(call: () => Promise<T>): Promise<T> {
    calls += 1;
    if (calls === failing.nth) throw Object.assign(new Error(`${failing.code}: injected`), { code: failing.code });
    return call();
  }

  function watched(path: string, handle: FileHandle): FileHandle {
    openFiles += 1;
    return {
      write: (bytes: Uint8Array, offset: number, length: number) =>
        step(() => handle.write(bytes, offset, shortened(length))),
      read: (bytes: Uint8Array, offset: number, length: number, position: number) =>
        step(() => handle.read(bytes, offset, shortened(length), position)),
      stat: () => step(() => handle.stat()),
      datasync: () => step(() => handle.datasync()),
      sync: () =>
        step(async () => {
          await handle.sync();
          synced.push(path);
        }),
      async close() {
        openFiles -= 1;
        await handle.close();
      },
    } as unknown as FileHandle;
  }

  const faulty: Record<string, unknown> = {};
  for (const name of ['rename', 'link', 'mkdir', 'unlink', 'rmdir', 'opendir', 'stat'] as const) {
    faulty[name] = (...parameters: readonly unknown[]) =>
      step(() => (fileSystem[name] as (...all: readonly unknown[]) => Promise<unknown>)(...parameters));
  }
  return {
    ...(faulty as unknown as Disk),
    open: ((path: string, flags: string, mode?: number) =>
      step(async () => watched(path, await fileSystem.open(path, flags, mode)))) as Disk['open'],
    failAt(nth, code) {
      calls = 0;
      synced = [];
      failing = { nth, code };
    },
    calls: () => calls,
    openFiles: () => openFiles,
    synced: () => synced,
  };
}
