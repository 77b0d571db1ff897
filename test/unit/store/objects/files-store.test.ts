// What is particular to the object store on a directory: faults of the disk, damage, left-overs, and the files themselves.

import { copyFile, mkdir, readdir, readFile, stat, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFilesStore } from '../../../../store/objects/files/files-store.ts';
import type { ObjectStore } from '../../../../store/objects/port.ts';
import { chunksOf, namesOf, readAll } from '../../../conformance/objects-world.ts';
import type { TemporaryDirectory } from '../../../temporary-directory.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';
import type { FaultyDisk } from './faulty-disk.ts';
import { createFaultyDisk } from './faulty-disk.ts';

const LARGE = Buffer.alloc(700_000, 'large');

let temporary: TemporaryDirectory;
let directory: string;
let disk: FaultyDisk;
let store: ObjectStore;

beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = join(temporary.path, 'data', 'objects');
  disk = createFaultyDisk();
  store = await openFilesStore({ directory, disk });
});

afterEach(async () => {
  await store.close();
  await temporary[Symbol.asyncDispose]();
});

const incoming = () => readdir(join(directory, 'incoming'));

describe('a disk that fails', () => {
  /** Puts with a fault at each call of the disk in turn, until a put needs fewer calls than that. */
  async function sweep(code: string, check: (failure: unknown, nth: number) => Promise<void>): Promise<number> {
    for (let nth = 1; ; nth += 1) {
      disk.failAt(nth, code);
      const failure: unknown = await store.put('run/7/log', chunksOf(LARGE, 'new')).then(
        () => null,
        (error: unknown) => error,
      );
      const reached = disk.calls() >= nth;
      disk.failAt(0, '');
      if (!reached) return nth - 1;
      await check(failure, nth);
      expect(disk.openFiles()).toBe(0);
      expect(await incoming()).toEqual([]);
    }
  }

  test.each([
    { code: 'ENOSPC', message: 'The disk of the object store is full.' },
    { code: 'EDQUOT', message: 'The disk of the object store is full.' },
    { code: 'EIO', message: 'The object store failed.' },
  ])('$code at any step of a put: told, nothing left behind, the old blob or the new one whole', async (wanted) => {
    await store.put('run/7/log', chunksOf('old'));
    const steps = await sweep(wanted.code, async (failure) => {
      expect(failure).toMatchObject({ code: 'unavailable', message: wanted.message });
      const { outcome } = failure as { outcome: string };
      const text = (await readAll(store, 'run/7/log')).toString();
      if (outcome === 'not_applied') expect(text).toBe('old');
      else expect(['old', `${LARGE.toString()}new`]).toContain(text);
      await store.put('run/7/log', chunksOf('old'));
    });
    expect(steps).toBeGreaterThan(8);
  });

  test.each(['ENOSPC', 'EIO'])('%s at any step of a put that may only create: a whole blob or none', async (code) => {
    for (let nth = 1; ; nth += 1) {
      disk.failAt(nth, code);
      const put = store.put('run/8/log', chunksOf(LARGE, 'new'), { ifAbsent: true });
      const outcome = await put.then(
        () => 'applied',
        (error: unknown) => (error as { outcome: string }).outcome,
      );
      const reached = disk.calls() >= nth;
      disk.failAt(0, '');
      if (!reached) break;
      const found = await store.stat('run/8/log');
      if (outcome === 'applied' || outcome === 'unknown') expect(found?.size).toBe(LARGE.length + 3);
      else expect(found).toBeNull();
      // An `unlink` that failed leaves a second name of the blob.
      for (const name of await incoming()) await unlink(join(directory, 'incoming', name));
      await store.delete('run/8/log');
    }
  });

  test('a new name: a put that was not applied leaves neither a blob nor a directory', async () => {
    await sweep('ENOSPC', async (failure) => {
      if ((failure as { outcome: string }).outcome === 'not_applied') {
        expect(await namesOf(store, '')).toEqual([]);
        expect(await readdir(join(directory, 'blobs'))).toEqual([]);
      }
      await store.delete('run/7/log');
    });
  });

  test('a fault while reading ends the reader with an error, and closes the file', async () => {
    await store.put('large', chunksOf(LARGE));
    for (let nth = 1; ; nth += 1) {
      disk.failAt(nth, 'EIO');
      const read = readAll(store, 'large');
      const text = await read.catch((error: unknown) => error);
      const reached = disk.calls() >= nth;
      if (!reached) break;
      expect(text).toMatchObject({ code: 'unavailable' });
      expect(disk.openFiles()).toBe(0);
    }
  });

  test.each(['stat', 'delete', 'list'] as const)('a fault in %s is told as unavailable', async (method) => {
    await store.put('a/b', chunksOf('x'));
    disk.failAt(1, 'EACCES');
    const call = method === 'list' ? namesOf(store, 'a/') : store[method]('a/b');
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a directory that another process removes while it is made', () => {
  test.each(['ENOENT', 'ENOTDIR', 'EEXIST'])('%s of mkdir is tried again', async (code) => {
    const { mkdir: make } = disk;
    let failures = 3;
    Object.assign(disk, {
      mkdir: async (...parameters: Parameters<typeof make>) => {
        failures -= 1;
        if (failures >= 0) throw Object.assign(new Error(`${code}: injected`), { code });
        return make(...parameters);
      },
    });
    await store.put('a/b', chunksOf('x'), { ifAbsent: true });
    expect((await readAll(store, 'a/b')).toString()).toBe('x');
    expect(failures).toBe(-1);
  });
});

describe('damage', () => {
  const path = () => join(directory, 'blobs', 'a@');

  test.each([
    { title: 'cut short', harm: async () => truncate(path(), 699_000) },
    { title: 'emptied', harm: async () => truncate(path(), 0) },
    {
      title: 'cut in the middle and ended again',
      harm: async () => writeFile(path(), (await readFile(path())).subarray(9)),
    },
    { title: 'of another program', harm: async () => writeFile(path(), 'something else entirely') },
    {
      title: 'another blob, moved by hand',
      harm: async () => {
        await store.put('b', chunksOf(LARGE));
        await copyFile(join(directory, 'blobs', 'b@'), path());
      },
    },
  ])('a file that is $title is told as damaged, and can be replaced', async ({ harm }) => {
    await store.put('a', chunksOf(LARGE));
    await harm();
    await expect(store.stat('a')).rejects.toMatchObject({ code: 'internal', message: 'A stored object is damaged.' });
    await expect(store.open('a')).rejects.toMatchObject({ code: 'internal' });
    expect(disk.openFiles()).toBe(0);
    await store.put('a', chunksOf('whole again'));
    expect((await readAll(store, 'a')).toString()).toBe('whole again');
  });

  test('a blob of a newer version of the format is refused with that reason', async () => {
    await store.put('a', chunksOf('x'));
    const bytes = await readFile(path(), 'latin1');
    await writeFile(path(), bytes.replace('"v":1', '"v":7'), 'latin1');
    await expect(store.open('a')).rejects.toThrow('A blob trailer record was written by a newer version of Gofer.');
  });

  test('a file that shrinks while it is read ends the reader with an error', async () => {
    await store.put('a', chunksOf(LARGE));
    const { body } = await store.open('a');
    await truncate(path(), 300_000);
    const reading = (async () => {
      let read = 0;
      for await (const part of body) read += part.length;
      return read;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'internal', message: 'A stored object is damaged.' });
    expect(disk.openFiles()).toBe(0);
  });

  test('a damaged blob with a shortened name does not hide the others from a list', async () => {
    await store.put(`long/${'n'.repeat(255)}`, chunksOf('x'));
    await store.put('long/short', chunksOf('x'));
    const names = await readdir(join(directory, 'blobs', 'long'));
    const shortened = names.find((name) => name.startsWith('nnn')) ?? '';
    await writeFile(join(directory, 'blobs', 'long', shortened), '');
    expect(await namesOf(store, 'long/')).toEqual(['long/short']);
  });
});

describe('the files', () => {
  test('what a crash left in incoming is swept at the next start, blobs stay', async () => {
    await store.put('kept', chunksOf('x'));
    await writeFile(join(directory, 'incoming', 'left-over'), LARGE);
    await store.close();
    store = await openFilesStore({ directory });
    expect(await incoming()).toEqual([]);
    expect((await readAll(store, 'kept')).toString()).toBe('x');
  });

  test('with others in the directory, only what surely nobody writes any more is swept', async () => {
    const open = await openHanging(store, 'a/b');
    const own = (await incoming())[0] ?? '';
    const [where = '', pid = '', start = ''] = own.split('.');
    const dayBefore = new Date(Date.now() - 25 * 3_600_000);
    const files = {
      [`${where}.${pid}.${Number(start) + 1}.reused-number`]: 'swept',
      [`${where}.4194305.1.dead-here`]: 'swept',
      ['0000000000000000.4194305.1.elsewhere']: 'kept',
      ['0000000000000000.4194305.1.elsewhere-old']: 'swept',
      ['of-an-earlier-version']: 'kept',
      ['of-an-earlier-version-old']: 'swept',
    };
    for (const name of Object.keys(files)) {
      const path = join(directory, 'incoming', name);
      await writeFile(path, 'x');
      if (name.endsWith('old')) await utimes(path, dayBefore, dayBefore);
    }
    const other = await openFilesStore({ directory, shared: true });
    const kept = Object.keys(files).filter((name) => files[name] === 'kept');
    expect(await incoming()).toEqual([own, ...kept].sort());
    await open.finish();
    expect((await readAll(other, 'a/b')).toString()).toBe('xy');
    await other.close();
  });

  test('blobs and directories are for their owner alone', async () => {
    await store.put('a/b', chunksOf('x'));
    const modes = [directory, join(directory, 'blobs', 'a'), join(directory, 'blobs', 'a', 'b@')].map((path) =>
      stat(path),
    );
    expect((await Promise.all(modes)).map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['700', '700', '600']);
  });

  test('the bytes stand at the start of the file, as they came', async () => {
    await store.put('a', chunksOf('plain to see'));
    expect((await readFile(join(directory, 'blobs', 'a@'))).subarray(0, 12).toString()).toBe('plain to see');
  });

  test('deleting the last blob of a level removes the level', async () => {
    await store.put('a/b/c', chunksOf('x'));
    await store.put('a/d', chunksOf('x'));
    await store.delete('a/b/c');
    expect(await readdir(join(directory, 'blobs', 'a'))).toEqual(['d@']);
    await store.delete('a/d');
    expect(await readdir(join(directory, 'blobs'))).toEqual([]);
  });

  test('a reader that stops half-way closes its file', async () => {
    await store.put('large', chunksOf(LARGE));
    for await (const part of (await store.open('large')).body) if (part.length > 0) break;
    expect(disk.openFiles()).toBe(0);
  });

  test('a reader that is told to return before it began closes its file', async () => {
    await store.put('large', chunksOf(LARGE));
    const { body } = await store.open('large');
    expect(disk.openFiles()).toBe(1);
    await body[Symbol.asyncIterator]().return?.();
    expect(disk.openFiles()).toBe(0);
  });

  test('a directory that cannot be made is told at the start', async () => {
    await writeFile(join(temporary.path, 'file'), '');
    const opening = openFilesStore({ directory: join(temporary.path, 'file', 'objects') });
    await expect(opening).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('foreign files among the blobs are not listed', async () => {
    await mkdir(join(directory, 'blobs', 'lost+found'));
    await writeFile(join(directory, 'blobs', 'notes.txt'), 'x');
    await store.put('a', chunksOf('x'));
    expect(await namesOf(store, '')).toEqual(['a']);
  });
});

/** A put in the middle of its body. */
async function openHanging(store: ObjectStore, name: string) {
  let finish = () => {};
  let begin = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const put = store.put(
    name,
    (async function* () {
      begin();
      yield Buffer.from('x');
      await finished;
      yield Buffer.from('y');
    })(),
  );
  await begun;
  return {
    finish: async () => {
      finish();
      await put;
    },
  };
}

describe('syncs', () => {
  test('puts into one new directory at once share the syncs of directories', async () => {
    disk.failAt(0, '');
    const count = 64;
    await Promise.all(Array.from({ length: count }, (_, at) => store.put(`level/${at}`, chunksOf('x'))));
    // Open, write, datasync, mkdir, rename: five of its own for each put.
    expect(disk.calls()).toBeLessThan(count * 6);
    expect(await namesOf(store, 'level/')).toHaveLength(count);
  });

  test('a directory that another process may have made anew is synced with all above, whatever was synced before', async () => {
    await store.close();
    store = await openFilesStore({ directory, disk, shared: true });
    await store.put('a/b/c/1', chunksOf('x'));
    disk.failAt(0, '');
    await store.put('a/b/c/2', chunksOf('x'));
    const { synced } = disk;
    expect(synced().map((path) => path.slice(directory.length))).toEqual(
      expect.arrayContaining(['/blobs', '/blobs/a', '/blobs/a/b', '/blobs/a/b/c']),
    );
  });
});
