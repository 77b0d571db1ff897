// The part of the state suite that is about ranges, in the present and in the past.

import { expect, test } from 'vitest';
import type { StateStore } from '../../store/state/port.ts';
import { CompactedError, prefixRange } from '../../store/state/port.ts';
import { appError, freshKeys, put, remove, valuesOf, write } from './state-world.ts';

export function rangeTests(store: () => StateStore): void {
  test('keys are ordered by their UTF-8 bytes, which is not how JavaScript compares text', async () => {
    const { at, all } = freshKeys();
    const names = ['\u0001', 'B', 'a', 'a0', 'é', '\ud7ff', '\uff5e', '\uffff', '😀', '\u{10ffff}'];
    await write(store(), ...[...names].reverse().map((name) => put(at(name), name)));
    expect(valuesOf((await store().range(all)).kvs)).toEqual(names);
    const from = await store().range({ start: at('\uff5e'), end: at('😀') });
    expect(valuesOf(from.kvs)).toEqual(['\uff5e', '\uffff']);
  });

  test('the start is inside, the end is not', async () => {
    const { at } = freshKeys();
    await write(store(), ...['a', 'b', 'c'].map((name) => put(at(name), name)));
    expect(valuesOf((await store().range({ start: at('a'), end: at('c') })).kvs)).toEqual(['a', 'b']);
  });

  test.each([
    ['start = end', 'b', 'b'],
    ['start after end', 'c', 'a'],
  ])('a range is empty when %s', async (_, start, end) => {
    const { at } = freshKeys();
    await write(store(), ...['a', 'b', 'c'].map((name) => put(at(name), name)));
    expect(await store().range({ start: at(start), end: at(end) })).toMatchObject({ kvs: [], more: false });
  });

  test('a prefix takes its own keys only', async () => {
    const { at } = freshKeys();
    await write(
      store(),
      ...['run', 'run/', 'run/1', 'run/1/x', 'run/é', 'run0', 'rum/1'].map((name) => put(at(name), name)),
    );
    expect(valuesOf((await store().range(prefixRange(at('run/')))).kvs)).toEqual(['run/', 'run/1', 'run/1/x', 'run/é']);
  });

  test.each([
    [0, 3, false],
    [1, 1, true],
    [2, 2, true],
    [3, 3, false],
    [4, 3, false],
  ])('a limit of %i on three keys gives %i, more: %s', async (limit, count, more) => {
    const { at, all } = freshKeys();
    await write(store(), ...['a', 'b', 'c'].map((name) => put(at(name), name)));
    const result = await store().range(all, { limit });
    expect(result.more).toBe(more);
    expect(valuesOf(result.kvs)).toEqual(['a', 'b', 'c'].slice(0, count));
  });

  test('keysOnly leaves out the values and nothing else', async () => {
    const { at, all } = freshKeys();
    await write(store(), put(at('a'), 'long'));
    const [whole] = (await store().range(all)).kvs;
    expect((await store().range(all, { keysOnly: true })).kvs).toEqual([{ ...whole, value: '' }]);
  });
}

export function pastTests(store: () => StateStore): void {
  /** Three keys, then one of each change; gives the revision before the changes. */
  async function changed() {
    const { at, all } = freshKeys();
    const past = await write(store(), put(at('a'), 'a1'), put(at('b'), 'b1'), put(at('c'), 'c1'));
    await write(store(), put(at('a'), 'a2'), put(at('aa'), 'new'));
    await write(store(), remove(at('b')));
    const now = await write(store(), remove(at('c')), put(at('d'), 'd1'));
    return { at, all, past, now };
  }

  test('a read as of a revision shows exactly the state of that revision', async () => {
    const { at, all, past, now } = await changed();
    expect(valuesOf((await store().range(all, { revision: past })).kvs)).toEqual(['a1', 'b1', 'c1']);
    expect(valuesOf((await store().range(all, { revision: past + 1 })).kvs)).toEqual(['a2', 'new', 'b1', 'c1']);
    expect(valuesOf((await store().range(all, { revision: past + 2 })).kvs)).toEqual(['a2', 'new', 'c1']);
    expect(valuesOf((await store().range(all, { revision: now })).kvs)).toEqual(['a2', 'new', 'd1']);
    const [kv] = (await store().range(all, { revision: past })).kvs;
    expect(kv).toEqual({ key: at('a'), value: 'a1', createRevision: past, modRevision: past, version: 1, lease: '' });
  });

  test('a read as of a revision obeys limit and keysOnly, and tells the current revision', async () => {
    const { at, all, past, now } = await changed();
    const result = await store().range(all, { revision: past, limit: 2, keysOnly: true });
    expect(result.kvs.map((kv) => [kv.key, kv.value])).toEqual([
      [at('a'), ''],
      [at('b'), ''],
    ]);
    expect(result).toMatchObject({ more: true, revision: now });
  });

  test('pages at one revision fit together while writes go on', async () => {
    const { at, all } = freshKeys();
    const names = Array.from({ length: 60 }, (_, n) => at(String(n).padStart(3, '0')));
    const revision = await write(store(), ...names.map((key) => put(key, 'old')));
    const seen: string[] = [];
    let start = all.start;
    for (let page = 0, more = true; more; page++) {
      const result = await store().range({ start, end: all.end }, { limit: 7, revision });
      seen.push(...result.kvs.map((kv) => `${kv.key}=${kv.value}`));
      more = result.more;
      start = `${result.kvs.at(-1)?.key ?? ''}\u0000`;
      await write(
        store(),
        put(names[(page * 13) % 60] ?? '', 'new'),
        remove(names[59 - page] ?? ''),
        put(at(`${page}x`), 'new'),
      );
    }
    expect(seen).toEqual(names.map((key) => `${key}=old`));
  });

  test('a revision of the future is refused', async () => {
    const { at, all } = freshKeys();
    const revision = await write(store(), put(at('a'), ''));
    await expect(store().range(all, { revision: revision + 1000 })).rejects.toEqual(appError('invalid'));
    await expect(store().compact(revision + 1000)).rejects.toEqual(appError('invalid'));
  });

  test('what is compacted cannot be read, the compacted revision itself can', async () => {
    const { all, past } = await changed();
    await store().compact(past + 1);
    await expect(store().range(all, { revision: past })).rejects.toBeInstanceOf(CompactedError);
    expect(valuesOf((await store().range(all, { revision: past + 1 })).kvs)).toEqual(['a2', 'new', 'b1', 'c1']);
  });

  test('compacting does not touch the present, and repeating it is no error', async () => {
    const { all, past, now } = await changed();
    await store().compact(now);
    await store().compact(now);
    await store().compact(past);
    expect(valuesOf((await store().range(all)).kvs)).toEqual(['a2', 'new', 'd1']);
    await expect(store().range(all, { revision: now - 1 })).rejects.toBeInstanceOf(CompactedError);
  });
}
