// One process a directory, kept by the kernel: the holder listens on a Unix socket in the directory, and a socket whose
// process is dead, however it died, refuses connections at once. No clock, no process table; it also works when the two
// processes are in different containers on one machine, where process ids say nothing.
//
// Who holds the directory is told by numbered links `holder.<n>` to such sockets, of which the highest counts:
//   1. whoever wants the directory listens first, on a socket with a name of its own;
//   2. finds the highest link; if its socket answers, the directory is taken;
//   3. else makes the link with the next number, which succeeds for one process only (a dead holder never comes back to life);
//   4. looks again: were there a higher link by now, step 2 saw an old state, and it starts over.
// Links are removed by the next holder only, and never the highest one, so the numbers never go back; that is what makes
// step 4 sufficient.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { AppError, errorText } from '../../model/errors.ts';

/** A Unix socket's whole path fits into 108 bytes on Linux, 104 on macOS. */
const SOCKET_PATH_BYTES_MAX = 100;
/** Each round lost means that another process won one; more than a few mean that something else is wrong. */
const ROUNDS_MAX = 100;
const LINK = /^holder\.(\d+)$/;
const SOCKET = /^holder-(\d+)-[0-9a-f]+\.sock$/;

export interface DirectoryLock {
  release(): Promise<void>;
}

/** True of the files that the lock itself puts into the directory. */
export function isLockFile(name: string): boolean {
  return LINK.test(name) || SOCKET.test(name);
}

/** Throws AppError('conflict') that names the directory and the holder's process id when the directory is held. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const reach = await reachableDirectory(directory);
  const name = `holder-${process.pid}-${randomBytes(6).toString('hex')}.sock`;
  const server = net.createServer((socket) => socket.destroy());
  const release = async (): Promise<void> => {
    // Closing removes the socket file too; the link stays behind, dead.
    await new Promise<void>((resolve) => void server.close(() => resolve()));
    await reach.close();
  };
  try {
    await listen(server, path.join(reach.path, name));
    await claim({ directory, reach: reach.path, name });
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

interface Claim {
  readonly directory: string;
  /** A short path to the same directory, for sockets. */
  readonly reach: string;
  readonly name: string;
}

async function claim({ directory, reach, name }: Claim): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const newest = await newestLink(directory);
    if (newest > 0 && (await isAlive(path.join(reach, `holder.${newest}`)))) throw await held(directory, newest);
    const mine = newest + 1;
    if (!(await linkExclusively(name, path.join(directory, `holder.${mine}`)))) continue;
    if ((await newestLink(directory)) === mine) return removeOlder(directory, mine);
  }
  throw new AppError('unavailable', `The state directory ${directory} cannot be locked: too many processes try.`);
}

async function newestLink(directory: string): Promise<number> {
  const numbers = (await fs.readdir(directory)).map((name) => Number(LINK.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}

async function linkExclusively(target: string, link: string): Promise<boolean> {
  try {
    await fs.symlink(target, link);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Only a refused connection proves death; anything unclear counts as alive, since two holders are worse than none. */
function isAlive(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      const code = codeOf(error);
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT');
    });
  });
}

async function held(directory: string, number: number): Promise<AppError> {
  const target = await fs.readlink(path.join(directory, `holder.${number}`)).catch(() => '');
  const pid = SOCKET.exec(target)?.[1] ?? 'unknown';
  return new AppError(
    'conflict',
    `The state directory ${directory} is in use by process ${pid}: stop that process or choose another directory.`,
  );
}

/** Dead holders' links and sockets. Sockets without a link are left alone: their process may be in step 3. */
async function removeOlder(directory: string, mine: number): Promise<void> {
  for (const name of await fs.readdir(directory)) {
    const number = Number(LINK.exec(name)?.[1] ?? mine);
    if (number >= mine) continue;
    const link = path.join(directory, name);
    const target = await fs.readlink(link).catch(() => '');
    if (SOCKET.test(target)) await fs.rm(path.join(directory, target), { force: true });
    await fs.rm(link, { force: true });
  }
}

function listen(server: net.Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new AppError('unavailable', `No socket can be made in the state directory: ${errorText(error)}`, {
          cause: error,
        }),
      );
    });
    server.listen(socketPath, () => {
      // The lock must not keep a process alive that has nothing else to do.
      server.unref();
      resolve();
    });
  });
}

interface Reach {
  readonly path: string;
  close(): Promise<void>;
}

/** A path to the directory that is short enough for sockets: on Linux there is always one by way of an open descriptor. */
async function reachableDirectory(directory: string): Promise<Reach> {
  const longest = path.join(directory, `holder-${process.pid}-${'0'.repeat(12)}.sock`);
  if (Buffer.byteLength(longest) <= SOCKET_PATH_BYTES_MAX) return { path: directory, async close() {} };
  if (process.platform !== 'linux') {
    throw new AppError('invalid', `The path of the state directory is too long for a socket: ${directory}`);
  }
  const handle = await fs.open(directory);
  return { path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
