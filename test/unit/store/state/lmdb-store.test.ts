// What only a store on a disk must do: come back, keep others out, know its own files, and live with a full disk.

import { mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLmdbStore } from '../../../../store/state/lmdb/lmdb-store.ts';
import type { LmdbStoreOptions } from '../../../../store/state/lmdb/lmdb-store.ts';
import type { Migration } from '../../../../store/state/lmdb/migrations.ts';
import { CompactedError, prefixRange } from '../../../../store/state/port.ts';
import type { StateStore } from '../../../../store/state/port.ts';
import { KEY_BYTES_MAX } from '../../../../store/state/transaction-check.ts';
import { put, record, told, write } from '../../../conformance/state-world.ts';
import { eventually } from '../../../eventually.ts';
import type { TemporaryDirectory } from '../../../temporary-directory.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';

const ALL = { start: '', end: '\u{10ffff}' };

let temporary: TemporaryDirectory;
let directory: string;
let opened: StateStore[] = [];

beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = path.join(temporary.path, 'state');
});

afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()));
  opened = [];
  await temporary[Symbol.asyncDispose]();
});

async function open(options: Partial<LmdbStoreOptions> = {}): Promise<StateStore> {
  const store = await openLmdbStore({ directory, ...options });
  opened.push(store);
  return store;
}

/** A closed store with one key. */
async function aStore(options: Partial<LmdbStoreOptions> = {}): Promise<void> {
  const store = await open(options);
  await write(store, put('a', 'kept'));
  await store.close();
}

async function valueOf(store: StateStore, key: string): Promise<string | undefined> {
  return (await store.get(key))?.value;
}

describe('coming back', () => {
  test('keys, their revisions and the store revision are as they were', async () => {
    const store = await open();
    await write(store, put('a', '1'), put('b', '1'));
    await write(store, put('a', '2'));
    const before = await store.range(ALL);
    await store.close();
    const again = await open();
    expect(await again.range(ALL)).toEqual(before);
    expect(await write(again, put('c', ''))).toBe(before.revision + 1);
  });

  test('the past is gone, and says so; list and watch go on', async () => {
    await aStore();
    const store = await open();
    await write(store, put('a', 'new'));
    await store.close();
    const again = await open();
    const { revision } = await again.range(ALL);
    await expect(again.range(ALL, { revision: revision - 1 })).rejects.toBeInstanceOf(CompactedError);
    await expect(
      again.watch(ALL, { fromRevision: revision, signal: AbortSignal.timeout(60_000) }),
    ).rejects.toBeInstanceOf(CompactedError);
    expect((await again.range(ALL, { revision })).kvs).toHaveLength(1);
    const watch = await record(again, ALL, revision + 1);
    await write(again, put('b', ''));
    await eventually(() => expect(told(watch.events())).toEqual(['put b=']));
    watch.stop();
  });

  test('keys under leases are gone with the process that held them', async () => {
    const store = await open();
    const { id } = await store.grantLease(3_600);
    await write(store, put('leader', '', id), put('freed', '', id), put('plain', ''));
    await write(store, put('freed', ''));
    await store.close();
    const again = await open();
    expect((await again.range(ALL)).kvs.map((kv) => kv.key)).toEqual(['freed', 'plain']);
    await expect(again.keepLease(id)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('one process', () => {
  test('a second open is refused with the directory and the process', async () => {
    await open();
    const refused = open();
    await expect(refused).rejects.toMatchObject({ code: 'conflict' });
    await expect(refused).rejects.toThrow(`${directory} is in use by process ${process.pid}:`);
  });

  test('a refused open does not harm the holder', async () => {
    const store = await open();
    await expect(open()).rejects.toMatchObject({ code: 'conflict' });
    await write(store, put('a', ''));
    await expect(open()).rejects.toMatchObject({ code: 'conflict' });
  });

  test('of many opens at once exactly one succeeds', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => open()));
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
  });

  test('the directory is free again after close', async () => {
    for (let round = 0; round < 3; round++) await aStore();
    expect(await valueOf(await open(), 'a')).toBe('kept');
  });

  test('a failed open frees the directory', async () => {
    await aStore();
    const failing: Migration = () => {
      throw new Error('cannot');
    };
    await expect(open({ migrations: [failing] })).rejects.toThrow('cannot');
    expect(await valueOf(await open(), 'a')).toBe('kept');
  });

  test('a path too long for a socket works all the same', async () => {
    directory = path.join(directory, 'x'.repeat(120), 'y'.repeat(120));
    await aStore();
    await open();
    await expect(open()).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('files', () => {
  test('a directory with other things in it is refused', async () => {
    await mkdir(directory);
    await writeFile(path.join(directory, 'thesis.tex'), '');
    await expect(open()).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('choose another') as unknown,
    });
  });

  test('a path that is a file is refused', async () => {
    await writeFile(directory, '');
    await expect(open()).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(directory) as unknown,
    });
  });

  test('a store of a newer version is refused', async () => {
    await aStore({ migrations: [() => undefined] });
    await expect(open()).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('newer version') as unknown,
    });
  });

  const dataFile = () => path.join(directory, 'data.mdb');
  const damages: readonly (readonly [string, () => Promise<void>])[] = [
    ['the note is not JSON', () => writeFile(path.join(directory, 'gofer-state.json'), 'oops')],
    ['the note has no format', () => writeFile(path.join(directory, 'gofer-state.json'), '{"ready":true}')],
    ['the data file is missing', () => rm(dataFile())],
    ['the data file is empty', () => truncate(dataFile(), 0)],
    ['the data file is something else', () => writeFile(dataFile(), 'x'.repeat(100_000))],
    ['the data file lost its second half', async () => truncate(dataFile(), (await stat(dataFile())).size / 2)],
    ['the data file lost all but its header', () => truncate(dataFile(), 8_192)],
  ];
  test.each(damages)('damage is told with what to do: %s', async (_, damage) => {
    const store = await open();
    for (let n = 0; n < 20; n++) await write(store, put(`key-${n}`, 'x'.repeat(3_000)));
    await store.close();
    await damage();
    const outcome = open();
    await expect(outcome).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining(directory) as unknown,
    });
    await expect(outcome).rejects.toThrow('restore it from a backup');
  });

  test('a store that was never finished is made anew', async () => {
    await mkdir(directory);
    await writeFile(path.join(directory, 'gofer-state.json'), '{"format":1,"ready":false}');
    await writeFile(path.join(directory, 'data.mdb'), '');
    await aStore();
    expect(await valueOf(await open(), 'a')).toBe('kept');
  });
});

describe('formats', () => {
  const upgrade: Migration = ({ meta }) => meta.putSync('upgraded', (meta.get('upgraded') ?? 0) + 1);
  const note = async (): Promise<unknown> =>
    JSON.parse(await readFile(path.join(directory, 'gofer-state.json'), 'utf8'));

  test('an older store is upgraded, once, and keeps its keys', async () => {
    const runs: number[] = [];
    const migrations: Migration[] = [() => runs.push(1), () => runs.push(2)];
    await aStore();
    expect(await note()).toMatchObject({ format: 1, ready: true });
    await aStore({ migrations });
    await aStore({ migrations });
    expect(runs).toEqual([1, 2]);
    expect(await note()).toMatchObject({ format: 3 });
    expect(await valueOf(await open({ migrations }), 'a')).toBe('kept');
  });

  test('a new store starts in the newest format', async () => {
    await aStore({ migrations: [() => expect.fail('nothing to upgrade')] });
    expect(await note()).toMatchObject({ format: 2, ready: true });
  });

  test('an upgrade whose note was not written any more is not done twice', async () => {
    await aStore();
    await aStore({ migrations: [upgrade] });
    await writeFile(path.join(directory, 'gofer-state.json'), '{"format":1,"ready":true}');
    const seen: (number | undefined)[] = [];
    await aStore({ migrations: [upgrade, ({ meta }) => seen.push(meta.get('upgraded'))] });
    expect(seen).toEqual([1]);
  });

  test('an upgrade that fails changes nothing', async () => {
    await aStore();
    const failing: Migration = (files) => {
      upgrade(files);
      throw new Error('half way');
    };
    await expect(open({ migrations: [failing] })).rejects.toThrow('half way');
    const seen: (number | undefined)[] = [];
    await aStore({ migrations: [({ meta }) => seen.push(meta.get('upgraded'))] });
    expect(seen).toEqual([undefined]);
  });
});

describe('sizes', () => {
  test('the longest key is taken, a longer one refused before anything is written', async () => {
    const store = await open();
    const longest = 'k'.repeat(KEY_BYTES_MAX);
    await write(store, put(longest, 'fits'));
    expect((await store.range({ start: longest, end: 'l' })).kvs).toMatchObject([{ key: longest, value: 'fits' }]);
    const refused = store.commit({ compares: [], writes: [put('a', ''), put(`${longest}k`, '')] });
    await expect(refused).rejects.toMatchObject({ code: 'invalid' });
    expect(await store.get('a')).toBeNull();
  });

  test.each([3_000, 40_000, 70_000, 1_100_000, 5_000_000])('a value of %i characters comes back', async (size) => {
    const store = await open();
    const value = 'aé'.repeat(size / 2);
    await write(store, put('a', value), put('b', 'small'));
    expect((await valueOf(store, 'a')) === value).toBe(true);
    expect((await store.range(ALL)).kvs.map((kv) => kv.value.length)).toEqual([size, 5]);
    expect((await store.range(ALL, { keysOnly: true })).kvs.map((kv) => kv.value)).toEqual(['', '']);
  });

  test('a group with thousands of writes is applied as a whole', async () => {
    const store = await open();
    const groups = Array.from({ length: 30 }, (_, group) =>
      write(store, ...Array.from({ length: 500 }, (_, n) => put(`g${group}/${String(n).padStart(3, '0')}`, String(n)))),
    );
    await Promise.all(groups);
    const { kvs } = await store.range(prefixRange('g29/'));
    expect(kvs.map((kv) => Number(kv.value))).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect((await store.range(ALL, { keysOnly: true })).kvs).toHaveLength(15_000);
  });
});
