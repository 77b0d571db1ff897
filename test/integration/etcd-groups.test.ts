// Commits that share a transaction of etcd: what each of them does and answers is as if it had gone alone.

import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import type { EtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { prefixRange } from '../../store/state/port.ts';
import type { Compare, Transaction, TransactionResult, WatchEvent, Write } from '../../store/state/port.ts';
import { appError, freshKeys, put, record, remove, write } from '../conformance/state-world.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCluster } from '../etcd/etcd-cluster.ts';
import { eventually } from '../eventually.ts';

let cluster: EtcdCluster;
let store: EtcdStore;
beforeAll(async () => {
  cluster = await startEtcd(1);
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(() => {
  store = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'groups/' });
});
afterEach(() => store.close());

const absent = (key: string): Compare => ({ target: 'create', key, equals: 0 });

test('commits at the same time share transactions; one after the other each has its own', async () => {
  const { at } = freshKeys();
  const before = store.stats();
  await Promise.all(Array.from({ length: 300 }, (_, n) => write(store, put(at(String(n)), ''))));
  const together = store.stats();
  expect(together.commitsCarried - before.commitsCarried).toBe(300);
  expect(together.transactionsSent - before.transactionsSent).toBeLessThan(20);
  for (let n = 0; n < 5; n += 1) await write(store, put(at(String(n)), ''));
  expect(store.stats().transactionsSent - together.transactionsSent).toBe(5);
});

test('each commit of a group has its own outcome', async () => {
  const { at } = freshKeys();
  await write(store, put(at('taken'), 'before'));
  const taken = await store.get(at('taken'));
  const results = await Promise.all([
    store.commit({ compares: [absent(at('a'))], writes: [put(at('a'), '1')] }),
    store.commit({ compares: [absent(at('taken'))], writes: [put(at('b'), '2')], readOnFailure: [at('taken')] }),
    store.commit({ compares: [absent(at('c'))], writes: [put(at('c'), '3')] }),
  ]);
  expect(results.map(({ succeeded }) => succeeded)).toEqual([true, false, true]);
  expect(results[1]).toEqual({ succeeded: false, revision: (results[0]?.revision ?? 0) - 1, found: [taken] });
  expect(await store.get(at('b'))).toBeNull();
});

test('of commits that each forbid what the other writes, the one that was asked for first succeeds', async () => {
  const { at, all } = freshKeys();
  for (let round = 0; round < 20; round += 1) {
    const [one, other] = [at(`${round}-one`), at(`${round}-other`)];
    const results = await Promise.all([
      store.commit({ compares: [absent(other)], writes: [put(one, '')] }),
      store.commit({ compares: [absent(one)], writes: [put(other, '')] }),
      store.commit({ compares: [absent(one)], writes: [{ op: 'delete_range', range: all }] }),
    ]);
    expect(results.map(({ succeeded }) => succeeded)).toEqual([true, false, false]);
  }
});

test('a commit under a lease that is gone is refused alone', async () => {
  const { at } = freshKeys();
  const { id } = await store.grantLease(60);
  await store.revokeLease(id);
  const others = Array.from({ length: 20 }, (_, n) => write(store, put(at(String(n)), '')));
  const refused = store.commit({ compares: [], writes: [put(at('leased'), '', id)] });
  await expect(refused).rejects.toEqual(appError('not_found'));
  await expect(refused).rejects.toHaveProperty('outcome', 'not_applied');
  expect(await Promise.all(others)).toHaveLength(20);
  expect(await store.get(at('leased'))).toBeNull();
});

test('many commits of the largest size at the same time are all taken', async () => {
  const { at, all } = freshKeys();
  const { operationsMax, bytesMax } = store.limits;
  const many = Array.from({ length: 6 }, (_, n) =>
    write(store, ...Array.from({ length: operationsMax }, (_unused, k) => put(at(`many-${n}-${k}`), ''))),
  );
  const long = Array.from({ length: 4 }, (_, n) => write(store, put(at(`long-${n}`), 'x'.repeat(bytesMax - 200))));
  const small = Array.from({ length: 200 }, (_, n) => write(store, put(at(`small-${n}`), '')));
  await Promise.all([...many, ...long, ...small]);
  expect((await store.range(all, { keysOnly: true })).kvs).toHaveLength(6 * operationsMax + 4 + 200);
});

test('an etcd that takes less than it is believed to refuses what is too large, and nothing else', async () => {
  await using strict = await startEtcd(1, { args: ['--max-txn-ops', '32', '--max-request-bytes', '65536'] });
  const narrow = createEtcdStore({ endpoints: strict.endpoints, prefix: 'groups/' });
  const { at } = freshKeys();
  try {
    const small = Array.from({ length: 100 }, (_, n) => write(narrow, put(at(String(n)), '')));
    const large = narrow.commit({ compares: [], writes: [put(at('large'), 'x'.repeat(100_000))] });
    const huge = narrow.commit({ compares: [], writes: [put(at('huge'), 'x'.repeat(1_000_000))] });
    const long = narrow.commit({ compares: [], writes: Array.from({ length: 40 }, (_, n) => put(at(`l${n}`), '')) });
    const refused = { code: 'limit', outcome: 'not_applied' };
    await Promise.all([large, huge, long].map((each) => expect(each).rejects.toMatchObject(refused)));
    expect(await Promise.all(small)).toHaveLength(100);
  } finally {
    await narrow.close();
  }
});

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
const RANGE = { start: 'b', end: 'd' } as const;
const someKey = fc.constantFrom(...NAMES);
const someCompare = fc.oneof(
  someKey.map((key) => ({ target: 'create', key, equals: 0 }) as const),
  fc.record({ target: fc.constant('value' as const), key: someKey, equals: fc.constantFrom('1', '2', '3') }),
);
const someWrites = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.uniqueArray(fc.tuple(someKey, fc.constantFrom('', '1', '2', '3')), {
      selector: ([key]) => key,
      maxLength: 3,
    }),
  },
  { weight: 1, arbitrary: fc.constant('range' as const) },
);
const someTransaction = fc.record({
  compares: fc.array(someCompare, { maxLength: 2 }),
  writes: someWrites,
  reads: fc.uniqueArray(someKey, { maxLength: 3 }),
});

test('whatever goes together: each commit finds and leaves what it would alone, at the revision that it tells', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someTransaction, { minLength: 5, maxLength: 40 }), async (drafts) => {
      const { at, all } = freshKeys();
      const { revision: start } = await store.range(all);
      const watch = await record(store, all, start + 1);
      const transactions = drafts.map(({ compares, writes, reads }): Transaction => {
        return {
          compares: compares.map((compare) => ({ ...compare, key: at(compare.key) })),
          writes: writesOf(writes, at),
          readOnFailure: reads.map(at),
        };
      });
      const results = await Promise.all(transactions.map((each) => store.commit(each)));
      const end = await write(store, put(at('z'), 'end'));
      await eventually(() => expect(watch.batches.at(-1)?.revision).toBe(end));
      watch.stop();
      const past = pastOf(watch.events());
      transactions.forEach((each, n) => checkOne(each, results[n], past));
    }),
    { numRuns: 40 },
  );
});

function writesOf(writes: 'range' | (readonly [string, string])[], at: (name: string) => string): Write[] {
  if (writes === 'range') return [{ op: 'delete_range', range: { start: at(RANGE.start), end: at(RANGE.end) } }];
  return writes.map(([key, value]) => (value === '' ? remove(at(key)) : put(at(key), value)));
}

type Past = (key: string, revision: number) => string | null;

/** What a key held after a revision. */
function pastOf(events: readonly WatchEvent[]): Past {
  const versions = new Map<string, { readonly revision: number; readonly value: string | null }[]>();
  for (const event of events) {
    const [key, revision] =
      event.type === 'put' ? [event.kv.key, event.kv.modRevision] : [event.key, event.modRevision];
    const list = versions.get(key) ?? [];
    list.push({ revision, value: event.type === 'put' ? event.kv.value : null });
    versions.set(key, list);
  }
  return (key, at) => versions.get(key)?.findLast(({ revision }) => revision <= at)?.value ?? null;
}

function checkOne(
  { compares, writes, readOnFailure = [] }: Transaction,
  result: TransactionResult | undefined,
  past: Past,
) {
  if (result === undefined) throw new Error('a commit without a result');
  const holds = (at: number) =>
    compares.every((compare) => {
      const value = past(compare.key, at);
      return compare.target === 'create' ? value === null : value === compare.equals;
    });
  const { succeeded, revision, found } = result;
  if (!succeeded) {
    expect(holds(revision)).toBe(false);
    const wanted = readOnFailure.map((key) => [key, past(key, revision)]).filter(([, value]) => value !== null);
    expect(found.map(({ key, value }) => [key, value])).toEqual(wanted);
    return;
  }
  // A commit that changed nothing tells the revision that it saw, or that of its group.
  expect(holds(revision - 1) || holds(revision)).toBe(true);
  for (const each of writes) {
    if (each.op === 'put') expect(past(each.key, revision)).toBe(each.value);
    if (each.op === 'delete') expect(past(each.key, revision)).toBeNull();
    if (each.op === 'delete_range') expect(past(each.range.start, revision)).toBeNull();
  }
  if (writes.some(({ op }) => op === 'put')) expect(holds(revision - 1)).toBe(true);
}

test('deletes of a range and writes at the same time end as they were asked for', async () => {
  const { at, all } = freshKeys();
  const results = await Promise.all([
    ...Array.from({ length: 30 }, (_, n) => write(store, put(at(`x/${n}`), ''))),
    write(store, { op: 'delete_range', range: prefixRange(at('x/')) }),
    write(store, put(at('x/after'), '')),
  ]);
  expect(results).toHaveLength(32);
  expect((await store.range(all)).kvs.map(({ key }) => key)).toEqual([at('x/after')]);
});
