// What the engine promises while writes are under way and when they fail.

import { describe, expect, test } from 'vitest';
import { createEngine } from '../../../../store/state/mvcc/engine.ts';
import type { HistoryBounds } from '../../../../store/state/mvcc/history.ts';
import { CompactedError, DEFAULT_LIMITS, prefixRange } from '../../../../store/state/port.ts';
import type { StateStore, TransactionResult } from '../../../../store/state/port.ts';
import { put, record, remove, told } from '../../../conformance/state-world.ts';
import { eventually } from '../../../eventually.ts';
import { createStubbornBacking } from './stubborn-backing.ts';
import type { StubbornBacking } from './stubborn-backing.ts';
import { createVirtualClock } from './virtual-clock.ts';
import type { VirtualClock } from './virtual-clock.ts';

const ALL = prefixRange('k/');
const FULL = { name: 'AppError', code: 'unavailable', outcome: 'not_applied' };
const UNCLEAR = { name: 'AppError', code: 'unavailable', outcome: 'unknown' };

interface World {
  readonly store: StateStore;
  readonly backing: StubbornBacking;
  readonly clock: VirtualClock;
}

function world(history?: HistoryBounds): World {
  const backing = createStubbornBacking();
  const clock = createVirtualClock();
  let leases = 0;
  const store = createEngine({
    backing,
    clock,
    limits: DEFAULT_LIMITS,
    newLeaseId: () => `lease-${++leases}`,
    defer: setImmediate,
    ...(history === undefined ? {} : { history }),
  });
  return { store, backing, clock };
}

const turn = () => new Promise((resume) => setImmediate(resume));

function putting(store: StateStore, key: string, value = ''): Promise<TransactionResult> {
  return store.commit({ compares: [], writes: [put(`k/${key}`, value)] });
}

/** What became of it so far. */
async function stateOf(promise: Promise<unknown>): Promise<'open' | 'done' | 'failed'> {
  await turn();
  const settled = promise.then(
    () => 'done' as const,
    () => 'failed' as const,
  );
  return Promise.race([settled, turn().then(() => 'open' as const)]);
}

async function written({ store, backing }: World, key: string, value = ''): Promise<number> {
  const writing = putting(store, key, value);
  await turn();
  await backing.end('done');
  return (await writing).revision;
}

describe('group commit', () => {
  test('what is committed in one turn goes in one group, what comes meanwhile in the next', async () => {
    const { store, backing } = world();
    const first = [putting(store, 'a'), putting(store, 'b')];
    await turn();
    const second = [putting(store, 'c'), putting(store, 'd')];
    await turn();
    expect(backing.writing.map((group) => group.map((commit) => commit.revision))).toEqual([[1, 2]]);
    await backing.end('done');
    expect((await Promise.all(first)).map((result) => result.revision)).toEqual([1, 2]);
    await turn();
    expect(backing.writing.map((group) => group.map((commit) => commit.revision))).toEqual([[3, 4]]);
    await backing.end('done');
    await Promise.all(second);
  });

  test('nobody sees a write before it is durable', async () => {
    const { store, backing } = world();
    const watch = await record(store, ALL);
    const writing = putting(store, 'a');
    expect(await stateOf(writing)).toBe('open');
    expect(await store.get('k/a')).toBeNull();
    expect(await store.range(ALL)).toMatchObject({ kvs: [], revision: 0 });
    expect(watch.events()).toEqual([]);
    await backing.end('done');
    expect(await stateOf(writing)).toBe('done');
    expect(await store.get('k/a')).not.toBeNull();
    expect(watch.events()).toHaveLength(1);
  });

  test('a decision that writes nothing waits for what it was decided on', async () => {
    const { store, backing } = world();
    const writing = putting(store, 'a', 'staged');
    const compares = [{ target: 'create', key: 'k/a', equals: 0 }] as const;
    const refused = store.commit({ compares, writes: [], readOnFailure: ['k/a'] });
    expect(await stateOf(refused)).toBe('open');
    await backing.end('done');
    await writing;
    expect(await refused).toMatchObject({ succeeded: false, revision: 1, found: [{ value: 'staged' }] });
  });

  test('close waits for the disk', async () => {
    const { store, backing } = world();
    const writing = putting(store, 'a');
    const closing = store.close();
    expect(await stateOf(closing)).toBe('open');
    await backing.end('done');
    await closing;
    expect(await writing).toMatchObject({ succeeded: true });
  });
});

describe('a failed flush', () => {
  test('refuses its group and all that was staged on top, and leaves no trace', async () => {
    const it = world();
    await written(it, 'a', 'old');
    const { store, backing } = it;
    const watch = await record(store, ALL);
    const failing = [putting(store, 'a', 'new'), putting(store, 'b')];
    await turn();
    const onTop = [putting(store, 'c'), store.commit({ compares: [], writes: [remove('k/b')] })];
    await turn();
    const outcomes = Promise.allSettled([...failing, ...onTop]);
    await backing.end('not_applied');
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: FULL });
    expect((await store.range(ALL)).kvs.map((kv) => [kv.key, kv.value])).toEqual([['k/a', 'old']]);
    expect(watch.events()).toEqual([]);
  });

  test('does not stop the store: the next write gets the next revision', async () => {
    const it = world();
    const failing = putting(it.store, 'a');
    const outcome = expect(failing).rejects.toMatchObject(FULL);
    await turn();
    await it.backing.end('not_applied');
    await outcome;
    expect(await written(it, 'b')).toBe(1);
    expect((await it.store.range(ALL)).kvs.map((kv) => kv.key)).toEqual(['k/b']);
  });

  test('whose write is there after all is a success', async () => {
    const it = world();
    const watch = await record(it.store, ALL);
    const writing = putting(it.store, 'a');
    await turn();
    await it.backing.end('unknown, but there');
    expect(await writing).toMatchObject({ succeeded: true, revision: 1 });
    expect(await it.store.get('k/a')).not.toBeNull();
    expect(await written(it, 'b')).toBe(2);
    await eventually(() => expect(told(watch.events())).toEqual(['put k/a=', 'put k/b=']));
  });

  test.each([
    ['not_applied', 'settled', FULL],
    ['not_applied', 'unsettled', FULL],
    ['unknown, not there', 'settled', FULL],
    ['unknown, not there', 'unsettled', UNCLEAR],
  ] as const)('is told as far as it is known: %s, then %s', async (how, recovered, told) => {
    const { store, backing } = world();
    backing.recovered = recovered;
    const outcome = expect(putting(store, 'a')).rejects.toMatchObject(told);
    await turn();
    await backing.end(how);
    await outcome;
    expect(await store.get('k/a')).toBeNull();
  });

  test.each([
    ['unknown, but there', 1],
    ['unknown, not there', 0],
  ] as const)('of a backing that stays broken stops reads and writes until it recovers: %s', async (how, keys) => {
    const { store, backing, clock } = world();
    backing.isBroken = true;
    const outcome = expect(putting(store, 'a')).rejects.toMatchObject(UNCLEAR);
    await turn();
    await backing.end(how);
    await outcome;
    await expect(store.get('k/a')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(putting(store, 'b')).rejects.toMatchObject(FULL);
    backing.isBroken = false;
    await clock.advance(1_000);
    expect((await store.range(ALL)).kvs).toHaveLength(keys);
  });
});

describe('watches and history', () => {
  test('a reader that falls out of the history gets CompactedError, not a gap', async () => {
    const it = world({ commitsMax: 3, bytesMax: 1e9 });
    const watch = await it.store.watch(ALL, { signal: new AbortController().signal });
    for (let n = 0; n < 5; n++) await written(it, `a${n}`);
    const reader = watch[Symbol.asyncIterator]();
    await expect(reader.next()).rejects.toBeInstanceOf(CompactedError);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  test('a reader within the history gets everything, however late', async () => {
    const it = world({ commitsMax: 3, bytesMax: 1e9 });
    const watch = await it.store.watch(ALL, { signal: new AbortController().signal });
    for (let n = 0; n < 3; n++) await written(it, `a${n}`);
    expect(await watch[Symbol.asyncIterator]().next()).toMatchObject({ value: { revision: 3 } });
  });

  test('a watch whose range is quiet survives any number of other commits', async () => {
    const it = world({ commitsMax: 3, bytesMax: 1e9 });
    const watch = await record(it.store, prefixRange('k/quiet'));
    for (let n = 0; n < 10; n++) await written(it, `a${n}`);
    await written(it, 'quiet/1');
    await eventually(() => expect(told(watch.events())).toEqual(['put k/quiet/1=']));
  });

  test('many small commits reach a busy reader in few batches, none of them torn', async () => {
    const it = world();
    const watch = await it.store.watch(ALL, { signal: new AbortController().signal });
    const writing = Array.from({ length: 400 }, (_, n) =>
      it.store.commit({ compares: [], writes: ['x', 'y', 'z'].map((part) => put(`k/${n}/${part}`, '')) }),
    );
    await turn();
    await it.backing.end('done');
    await Promise.all(writing);
    const sizes: number[] = [];
    for await (const { events } of watch) {
      sizes.push(events.length);
      if (sizes.reduce((sum, size) => sum + size) === 1_200) break;
    }
    expect(sizes).toHaveLength(2);
    expect(sizes.every((size) => size % 3 === 0)).toBe(true);
  });

  test('a past that fell out of the history cannot be read', async () => {
    const it = world({ commitsMax: 3, bytesMax: 1e9 });
    for (let n = 0; n < 5; n++) await written(it, 'a', String(n));
    await expect(it.store.range(ALL, { revision: 1 })).rejects.toBeInstanceOf(CompactedError);
    expect((await it.store.range(ALL, { revision: 2 })).kvs).toMatchObject([{ value: '1' }]);
  });

  test('the history is bounded by bytes too, and always holds the newest commit', async () => {
    const it = world({ commitsMax: 1e9, bytesMax: 10_000 });
    for (let n = 0; n < 4; n++) await written(it, 'a', 'x'.repeat(20_000));
    await expect(it.store.range(ALL, { revision: 2 })).rejects.toBeInstanceOf(CompactedError);
    expect((await it.store.range(ALL, { revision: 3 })).kvs).toHaveLength(1);
  });
});
