// The key file: made once, for its owner alone, and never half.

import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import * as fileSystem from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KeyDisk } from '../../../../store/secrets/sealed/key-file.ts';
import { openKeyFile } from '../../../../store/secrets/sealed/key-file.ts';
import type { KeyRing } from '../../../../store/secrets/sealed/key-ring.ts';
import { newSealingKey } from '../../../../store/secrets/sealed/sealing-key.ts';
import type { TemporaryDirectory } from '../../../temporary-directory.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';

let temporary: TemporaryDirectory;
let path: string;

beforeEach(async () => {
  temporary = await temporaryDirectory();
  path = join(temporary.path, 'data', 'secret.key');
});
afterEach(() => temporary[Symbol.asyncDispose]());

const open = (disk?: KeyDisk) => openKeyFile({ path, createIfAbsent: true, ...(disk === undefined ? {} : { disk }) });
const ids = (ring: KeyRing) => ring.keys().map(({ id }) => id);
const modeOf = async (of: string) => ((await stat(of)).mode & 0o777).toString(8);

describe('the first start', () => {
  test('makes a file and a directory for their owner alone', async () => {
    await open();
    expect(await modeOf(path)).toBe('600');
    expect(await modeOf(join(path, '..'))).toBe('700');
    expect(await readdir(join(path, '..'))).toEqual(['secret.key']);
  });

  test('the second start reads the same key', async () => {
    expect(ids(await open())).toEqual(ids(await open()));
  });

  test.each(['before', 'after'] as const)('another node sweeps right %s the file is put in its place', async (when) => {
    const rings: KeyRing[] = [];
    const link: KeyDisk['link'] = async (from, to) => {
      if (when === 'before') rings.push(await open());
      await fileSystem.link(from, to);
      if (when === 'after') rings.push(await open());
    };
    rings.push(await open({ ...fileSystem, link }));
    expect(ids(rings[0] ?? (await open()))).toEqual(ids(await open()));
    expect(ids(rings[1] ?? (await open()))).toEqual(ids(await open()));
    expect(await readdir(join(path, '..'))).toEqual(['secret.key']);
  });

  test('of many that start at once, all have the same key', async () => {
    const rings = await Promise.all(Array.from({ length: 10 }, () => open()));
    expect(new Set(rings.flatMap(ids)).size).toBe(1);
    expect(await readdir(join(path, '..'))).toEqual(['secret.key']);
  });

  test('a crash at any step leaves no half key, and the next start works', async () => {
    for (let nth = 1; ; nth += 1) {
      path = join(temporary.path, `crash-${nth}`, 'secret.key');
      const disk = crashingDisk(nth);
      const crashed = await open(disk).then(
        () => false,
        () => true,
      );
      if (!crashed) break;
      const first = ids(await open());
      expect(first).toHaveLength(1);
      expect(ids(await open())).toEqual(first);
      expect(await readdir(join(path, '..'))).toEqual(['secret.key']);
    }
  });

  test('a file that the operator named is not made: the error says how', async () => {
    const opening = openKeyFile({ path, createIfAbsent: false });
    await expect(opening).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('openssl rand') as string,
    });
  });
});

describe('a file by an operator', () => {
  test.each(['644', '640', '604', '620'])('mode %s is refused with the command to run', async (mode) => {
    await open();
    await chmod(path, Number.parseInt(mode, 8));
    const message = `Key file ${path} is open to other users; run: chmod 600 '${path}'`;
    await expect(open()).rejects.toMatchObject({ code: 'invalid', message });
  });

  test('mode 400 is fine', async () => {
    const made = ids(await open());
    await chmod(path, 0o400);
    expect(ids(await open())).toEqual(made);
  });

  test('damaged text is refused with the place', async () => {
    await mkdir(join(path, '..'));
    await writeFile(path, 'oops\n', { mode: 0o600 });
    await expect(open()).rejects.toThrow(`Key file ${path}, key 1: expected 32 random bytes`);
  });

  test('a directory in its place is told', async () => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await expect(open()).rejects.toMatchObject({
      code: 'unavailable',
      detail: expect.stringContaining('EISDIR') as string,
    });
  });

  test('a link stays a link when the keys change', async () => {
    await open();
    const link = join(temporary.path, 'link.key');
    await symlink(path, link);
    const ring = await openKeyFile({ path: link, createIfAbsent: false });
    await ring.editor?.add(newSealingKey());
    expect((await fileSystem.lstat(link)).isSymbolicLink()).toBe(true);
    expect(ids(await open())).toEqual(ids(ring));
  });
});

describe('changes', () => {
  test('a key that was added is the newest, here and for whoever reads the file', async () => {
    const ring = await open();
    const [old] = ids(ring);
    const added = newSealingKey();
    await ring.editor?.add(added);
    expect(ids(ring)).toEqual([old, added.id]);
    expect(ids(await open())).toEqual([old, added.id]);
    expect(await modeOf(path)).toBe('600');
  });

  test('adding what is there changes nothing', async () => {
    const ring = await open();
    const before = await readFile(path, 'utf8');
    const [key] = ring.keys();
    if (key !== undefined) await ring.editor?.add(key);
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test('keys that another process added are kept', async () => {
    const ring = await open();
    const other = await open();
    const [first, second] = [newSealingKey(), newSealingKey()];
    await ring.editor?.add(first);
    await other.editor?.add(second);
    expect(ids(other)).toEqual([...ids(ring), second.id]);
  });

  test('the newest key is never taken out', async () => {
    const ring = await open();
    await ring.editor?.add(newSealingKey());
    const newest = ids(ring).at(-1);
    await ring.editor?.remove(ids(ring));
    expect(ids(await open())).toEqual([newest]);
  });

  test('a crash at any step of a change leaves the old keys or the new ones', async () => {
    for (let nth = 1; ; nth += 1) {
      const before = ids(await open());
      const added = newSealingKey();
      const ring = await openKeyFile({ path, createIfAbsent: false });
      const crashing = await openKeyFile({ path, createIfAbsent: false, disk: crashingDisk(nth, { after: 'sweep' }) });
      const crashed = await crashing.editor?.add(added).then(
        () => false,
        () => true,
      );
      await ring.reload();
      expect([before, [...before, added.id]]).toContainEqual(ids(ring));
      expect(ids(await open())).toEqual(ids(ring));
      expect(await readdir(join(path, '..'))).toEqual(['secret.key']);
      if (crashed === false) break;
    }
  });
});

/** A disk on which the `nth` call and all later ones fail, as after a power cut. */
function crashingDisk(nth: number, { after }: { readonly after?: 'sweep' } = {}): KeyDisk {
  let counting = after === undefined;
  let calls = 0;
  const step = async <T>(call: () => Promise<T>): Promise<T> => {
    if (counting) calls += 1;
    if (calls >= nth) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
    return call();
  };
  const disk: Record<string, unknown> = {};
  for (const name of ['open', 'link', 'rename', 'unlink', 'mkdir', 'realpath'] as const) {
    disk[name] = (...parameters: readonly unknown[]) =>
      step(() => (fileSystem[name] as (...all: readonly unknown[]) => Promise<unknown>)(...parameters));
  }
  disk['readdir'] = (directory: string) =>
    step(async () => {
      const names = await fileSystem.readdir(directory);
      counting = true;
      return names;
    });
  return disk as unknown as KeyDisk;
}
