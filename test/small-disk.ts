// A disk that is soon full, for tests: a small file system in memory. Only root may mount one, and only on Linux.

import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary-directory.ts';

/** Mounting may be forbidden to root too, so it is tried. */
export function canMount(): boolean {
  return (
    process.platform === 'linux' && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0
  );
}

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Takes all room that is left. */
  fill(): void;
  /** Gives it back. */
  makeRoom(): void;
}

export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const directory = await temporaryDirectory();
  const { path } = directory;
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'gofer-test', path]);
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      // As many blocks as there are: the write that finds none fails.
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096'], { stdio: 'ignore' });
      writeFileSync(join(path, 'empty'), '');
    },
    makeRoom: () => rmSync(filler, { force: true }),
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['-l', path]);
      await directory[Symbol.asyncDispose]();
    },
  };
}
