// Keys in a file of their own: text, one key on a line, newest last, so that "openssl rand -base64 32" makes one and an
// operator can carry it to other nodes. It is only ever replaced as a whole: written beside, synced, renamed.

import { randomUUID } from 'node:crypto';
import * as fileSystem from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError, errorText } from '../../model/errors.ts';
import type { KeyRing, KeyRingEditor } from './key-ring.ts';
import type { SealingKey } from './sealing-key.ts';
import { keyText, newSealingKey, parseKeys } from './sealing-key.ts';

export type KeyDisk = Pick<typeof fileSystem, 'open' | 'link' | 'rename' | 'unlink' | 'mkdir' | 'readdir' | 'realpath'>;

const HEADING = '# Keys that seal the secrets of Gofer, newest last. Whoever can read this file can read them.\n';
/** Bits of group and others. */
const NOT_OWNER = 0o077;

export interface KeyFileOptions {
  readonly path: string;
  /** At first start, for a file that we own. A file that the operator names must be there: else each node would make its own. */
  readonly createIfAbsent: boolean;
  /** For tests: a disk with faults. */
  readonly disk?: KeyDisk;
}

/** Throws 'invalid' when the file is absent, readable by others or malformed, else 'unavailable'. */
export async function openKeyFile(options: KeyFileOptions): Promise<KeyRing> {
  const { createIfAbsent, disk = fileSystem } = options;
  const path = resolve(options.path);
  if (createIfAbsent) await onDisk(path, createFile(disk, path));
  let keys = await onDisk(path, readKeys(disk, path));
  await onDisk(path, sweep(disk, path));

  async function reload(): Promise<void> {
    keys = await onDisk(path, readKeys(disk, path));
  }

  async function edit(change: (before: readonly SealingKey[]) => readonly SealingKey[]): Promise<void> {
    await reload();
    const after = change(keys);
    if (after.length === keys.length) return;
    // A link (as secrets are often mounted) stays a link; what it points to is replaced.
    await onDisk(path, replaceFile(disk, await disk.realpath(path), after));
    keys = after;
  }

  const editor: KeyRingEditor = {
    add: (key) => edit((before) => (before.some(({ id }) => id === key.id) ? before : [...before, key])),
    remove: (keyIds) =>
      edit((before) => before.filter((key, at) => at === before.length - 1 || !keyIds.includes(key.id))),
  };
  return { keys: () => keys, reload, editor };
}

async function readKeys(disk: KeyDisk, path: string): Promise<readonly SealingKey[]> {
  const file = await disk.open(path, 'r');
  try {
    const { mode } = await file.stat();
    if ((mode & NOT_OWNER) !== 0) {
      throw new AppError('invalid', `Key file ${path} is open to other users; run: chmod 600 '${path}'`);
    }
    return parseKeys(await file.readFile('utf8'), `Key file ${path}`);
  } finally {
    await file.close();
  }
}

/** Another node on the same directory may sweep the temporary file away under our hands; then we write another one. */
const TRIES_MAX = 5;

/** Linked, not renamed, into place: of two that start at once one makes the file, and the other takes it. */
async function createFile(disk: KeyDisk, path: string): Promise<void> {
  await disk.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (await isThere(disk, path)) return;
  await placed(disk, path, { keys: [newSealingKey()], place: disk.link, isPlaced: () => isThere(disk, path) });
}

async function replaceFile(disk: KeyDisk, path: string, keys: readonly SealingKey[]): Promise<void> {
  await placed(disk, path, { keys, place: disk.rename, isPlaced: async () => false });
}

async function isThere(disk: KeyDisk, path: string): Promise<boolean> {
  return (await disk.readdir(dirname(path))).includes(basename(path));
}

interface Placing {
  readonly keys: readonly SealingKey[];
  readonly place: (temporary: string, path: string) => Promise<void>;
  /** Whether another node has done it meanwhile. */
  readonly isPlaced: () => Promise<boolean>;
}

async function placed(disk: KeyDisk, path: string, { keys, place, isPlaced }: Placing): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const temporary = await writeTemporary(disk, path, keys);
    try {
      await place(temporary, path);
      break;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') break;
      if (codeOf(error) !== 'ENOENT' || tries === TRIES_MAX) throw error;
      if (await isPlaced()) break;
    } finally {
      await unlinkIfThere(disk, temporary);
    }
  }
  await syncDirectory(disk, dirname(path));
}

async function unlinkIfThere(disk: KeyDisk, path: string): Promise<void> {
  await disk.unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

const temporaryPrefix = (path: string) => `.${basename(path)}.new-`;

async function writeTemporary(disk: KeyDisk, path: string, keys: readonly SealingKey[]): Promise<string> {
  const temporary = join(dirname(path), `${temporaryPrefix(path)}${randomUUID()}`);
  const file = await disk.open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(`${HEADING}${keys.map((key) => `${keyText(key)}\n`).join('')}`);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

/** A crash may leave a half-made file with keys in it. */
async function sweep(disk: KeyDisk, path: string): Promise<void> {
  const real = await disk.realpath(path);
  for (const name of await disk.readdir(dirname(real))) {
    if (name.startsWith(temporaryPrefix(real))) await unlinkIfThere(disk, join(dirname(real), name));
  }
}

async function syncDirectory(disk: KeyDisk, directory: string): Promise<void> {
  const handle = await disk.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function onDisk<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (codeOf(error) === 'ENOENT') {
      const command = `(umask 077 && openssl rand -base64 32 > '${path}')`;
      throw new AppError(
        'invalid',
        `Key file ${path} does not exist; copy it from another node, or make one: ${command}`,
      );
    }
    throw new AppError('unavailable', 'The key file cannot be used.', {
      detail: `${path}: ${errorText(error)}`,
      cause: error,
    });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
