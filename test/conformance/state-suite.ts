// What every backend of the state store must do. Nothing here that etcd 3.4 cannot do.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Compare, StateStore, Transaction } from '../../store/state/port.ts';
import { prefixRange } from '../../store/state/port.ts';
import { leaseTests } from './state-suite-leases.ts';
import { pastTests, rangeTests } from './state-suite-reads.ts';
import { watchTests } from './state-suite-watch.ts';
import type { OpenStateWorld, StateWorld } from './state-world.ts';
import { appError, freshKeys, keysOf, put, remove, valuesOf, write } from './state-world.ts';

export function describeStateStore(name: string, open: OpenStateWorld): void {
  inWorld(`${name} state: commits`, open, commitTests);
  inWorld(`${name} state: compares`, open, compareTests);
  inWorld(`${name} state: refusals`, open, refusalTests);
  inWorld(`${name} state: ranges`, open, rangeTests);
  inWorld(`${name} state: the past`, open, pastTests);
  inWorld(`${name} state: watches`, open, watchTests);
  inWorld(`${name} state: leases`, open, leaseTests);
  inWorld(`${name} state: close`, open, closeTests);
}

function inWorld(title: string, open: OpenStateWorld, tests: (store: () => StateStore) => void): void {
  describe(title, () => {
    let world: StateWorld;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(() => world[Symbol.asyncDispose]());
    tests(() => world.store);
  });
}

function commitTests(store: () => StateStore): void {
  test('a key is absent until it is written', async () => {
    const { at } = freshKeys();
    expect(await store().get(at('a'))).toBeNull();
  });

  test('the first write creates the key with version 1', async () => {
    const { at } = freshKeys();
    const revision = await write(store(), put(at('a'), 'one'));
    const wanted = {
      key: at('a'),
      value: 'one',
      createRevision: revision,
      modRevision: revision,
      version: 1,
      lease: '',
    };
    expect(await store().get(at('a'))).toEqual(wanted);
  });

  test('a later write keeps the create revision and raises mod revision and version', async () => {
    const { at } = freshKeys();
    const created = await write(store(), put(at('a'), 'one'));
    const changed = await write(store(), put(at('a'), 'two'));
    expect(changed).toBe(created + 1);
    expect(await store().get(at('a'))).toMatchObject({
      value: 'two',
      createRevision: created,
      modRevision: changed,
      version: 2,
    });
  });

  test('a key that was deleted starts over', async () => {
    const { at } = freshKeys();
    await write(store(), put(at('a'), 'one'));
    await write(store(), remove(at('a')));
    expect(await store().get(at('a'))).toBeNull();
    const again = await write(store(), put(at('a'), 'two'));
    expect(await store().get(at('a'))).toMatchObject({ createRevision: again, version: 1 });
  });

  test('all writes of a transaction share its revision', async () => {
    const { at, all } = freshKeys();
    await write(store(), put(at('old'), ''));
    const revision = await write(store(), put(at('a'), '1'), remove(at('old')), put(at('b'), '2'));
    const { kvs } = await store().range(all);
    expect(kvs.map((kv) => [kv.key, kv.modRevision])).toEqual([
      [at('a'), revision],
      [at('b'), revision],
    ]);
  });

  test('deleting what is not there does not raise the revision', async () => {
    const { at, all } = freshKeys();
    const before = await write(store(), put(at('a'), '1'));
    expect(await write(store(), remove(at('absent')))).toBe(before);
    expect(await write(store(), { op: 'delete_range', range: prefixRange(at('absent/')) })).toBe(before);
    expect((await store().range(all)).revision).toBe(before);
  });

  test('a range delete takes exactly the keys of the range, in one commit', async () => {
    const { at, all } = freshKeys();
    const keys = ['a', 'b', 'b/1', 'b/2', 'c', 'd'].map(at);
    const created = await write(store(), ...keys.map((key) => put(key, '')));
    const revision = await write(store(), { op: 'delete_range', range: { start: at('b'), end: at('c') } });
    expect(revision).toBe(created + 1);
    expect(keysOf((await store().range(all)).kvs)).toEqual([at('a'), at('c'), at('d')]);
  });

  test('a range delete sees what was committed just before it', async () => {
    const { at, all } = freshKeys();
    const writes = Promise.all([1, 2, 3].map((n) => write(store(), put(at(`k${n}`), ''))));
    const deleted = write(store(), { op: 'delete_range', range: all });
    await Promise.all([writes, deleted]);
    expect((await store().range(all)).kvs).toEqual([]);
  });

  test.each([
    ['empty', ''],
    ['text of several scripts', 'aé漢😀\u0000\n'],
    ['100 KB', 'x'.repeat(100_000)],
    ['100 KB outside ASCII', 'é'.repeat(50_000)],
  ])('a value comes back as it was: %s', async (_, value) => {
    const { at, all } = freshKeys();
    await write(store(), put(at('a'), value));
    expect((await store().get(at('a')))?.value).toBe(value);
    expect(valuesOf((await store().range(all)).kvs)).toEqual([value]);
  });

  test('a key may hold any character', async () => {
    const { at, all } = freshKeys();
    const key = at('nul\u0000 tab\t é漢😀/%');
    await write(store(), put(key, 'there'));
    expect(await store().get(key)).toMatchObject({ key, value: 'there' });
    expect(keysOf((await store().range(all)).kvs)).toEqual([key]);
  });

  test('of commits at the same time none is lost, and each tells the revision of its own key', async () => {
    const { at, all } = freshKeys();
    const names = Array.from({ length: 200 }, (_, n) => at(`k${n}`));
    const revisions = await Promise.all(names.map((key) => write(store(), put(key, key))));
    const { kvs } = await store().range(all);
    expect(kvs).toHaveLength(names.length);
    const told = new Map(names.map((key, n) => [key, revisions[n]]));
    for (const kv of kvs) expect(kv.modRevision).toBe(told.get(kv.key));
    expect(kvs.every((kv) => kv.value === kv.key)).toBe(true);
  });

  test('a read that starts after an acknowledgement sees the write', async () => {
    const { at, all } = freshKeys();
    for (let round = 0; round < 20; round++) {
      const revision = await write(store(), put(at('a'), String(round)));
      expect((await store().get(at('a')))?.value).toBe(String(round));
      expect((await store().range(all)).revision).toBeGreaterThanOrEqual(revision);
    }
  });
}

function compareTests(store: () => StateStore): void {
  /** Key `a` was created, then written once more; key `none` is absent. */
  async function world() {
    const { at } = freshKeys();
    const created = await write(store(), put(at('a'), 'one'));
    const modified = await write(store(), put(at('a'), 'two'));
    return { at, created, modified };
  }
  type Made = Awaited<ReturnType<typeof world>>;
  const cases: readonly (readonly [string, (made: Made) => Compare, boolean])[] = [
    ['create of an absent key is 0', ({ at }) => ({ target: 'create', key: at('none'), equals: 0 }), true],
    ['create of a present key is not 0', ({ at }) => ({ target: 'create', key: at('a'), equals: 0 }), false],
    ['create matches', ({ at, created }) => ({ target: 'create', key: at('a'), equals: created }), true],
    [
      'create is not the last write',
      ({ at, modified }) => ({ target: 'create', key: at('a'), equals: modified }),
      false,
    ],
    ['mod matches', ({ at, modified }) => ({ target: 'mod', key: at('a'), equals: modified }), true],
    ['mod is not the first write', ({ at, created }) => ({ target: 'mod', key: at('a'), equals: created }), false],
    ['mod of an absent key is 0', ({ at }) => ({ target: 'mod', key: at('none'), equals: 0 }), true],
    ['value matches', ({ at }) => ({ target: 'value', key: at('a'), equals: 'two' }), true],
    ['value differs', ({ at }) => ({ target: 'value', key: at('a'), equals: 'one' }), false],
    [
      'an absent key has no value, not an empty one',
      ({ at }) => ({ target: 'value', key: at('none'), equals: '' }),
      false,
    ],
  ];
  test.each(cases)('%s', async (_, compare, wanted) => {
    const made = await world();
    const result = await store().commit({ compares: [compare(made)], writes: [put(made.at('new'), '')] });
    expect(result.succeeded).toBe(wanted);
    expect(await store().get(made.at('new'))).toEqual(wanted ? expect.anything() : null);
  });

  test('one compare that fails stops all writes and does not raise the revision', async () => {
    const { at, modified } = await world();
    const compares: Compare[] = [
      { target: 'mod', key: at('a'), equals: modified },
      { target: 'create', key: at('a'), equals: 0 },
    ];
    const result = await store().commit({ compares, writes: [put(at('a'), 'three'), put(at('b'), '')] });
    expect(result).toEqual({ succeeded: false, revision: modified, found: [] });
    expect(await store().get(at('a'))).toMatchObject({ value: 'two', modRevision: modified });
  });

  test('a failed transaction brings the keys that were asked for and exist', async () => {
    const { at } = await world();
    await write(store(), put(at('z'), 'last'));
    const { found } = await store().commit({
      compares: [{ target: 'create', key: at('a'), equals: 0 }],
      writes: [],
      readOnFailure: [at('z'), at('none'), at('a')],
    });
    expect(found.map((kv) => [kv.key, kv.value])).toEqual([
      [at('z'), 'last'],
      [at('a'), 'two'],
    ]);
    expect(found[1]).toEqual(await store().get(at('a')));
  });

  test('a transaction of compares alone succeeds at the current revision', async () => {
    const { at, modified } = await world();
    const result = await store().commit({ compares: [{ target: 'mod', key: at('a'), equals: modified }], writes: [] });
    expect(result).toEqual({ succeeded: true, revision: modified, found: [] });
  });

  test('of many that create one key at once, exactly one succeeds, and the others are shown its key', async () => {
    const { at } = freshKeys();
    const attempts = Array.from({ length: 50 }, (_, n): Transaction => ({
      compares: [{ target: 'create', key: at('leader'), equals: 0 }],
      writes: [put(at('leader'), `node-${n}`)],
      readOnFailure: [at('leader')],
    }));
    const results = await Promise.all(attempts.map((attempt) => store().commit(attempt)));
    const winner = await store().get(at('leader'));
    expect(results.filter((result) => result.succeeded)).toHaveLength(1);
    for (const { found } of results.filter((result) => !result.succeeded)) expect(found).toEqual([winner]);
  });

  test('counting under compares loses no step', async () => {
    const { at } = freshKeys();
    const key = at('counter');
    await write(store(), put(key, '0'));
    const step = async (): Promise<void> => {
      for (;;) {
        const kv = await store().get(key);
        const compares: Compare[] = [{ target: 'mod', key, equals: kv?.modRevision ?? 0 }];
        const next = String(Number(kv?.value) + 1);
        if ((await store().commit({ compares, writes: [put(key, next)] })).succeeded) return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, step));
    expect(await store().get(key)).toMatchObject({ value: '20', version: 21 });
  });
}

function refusalTests(store: () => StateStore): void {
  type Keys = ReturnType<typeof freshKeys>;
  const lone = '\ud800';
  const invalid: readonly (readonly [string, (keys: Keys) => Transaction['writes']])[] = [
    ['two puts of a key', ({ at }) => [put(at('a'), '1'), put(at('a'), '2')]],
    ['put and delete of a key', ({ at }) => [put(at('a'), '1'), remove(at('a'))]],
    ['two deletes of a key', ({ at }) => [remove(at('a')), remove(at('a'))]],
    ['a put inside a range delete', ({ at, all }) => [{ op: 'delete_range', range: all }, put(at('a'), '1')]],
    [
      'range deletes that overlap',
      ({ all }) => [
        { op: 'delete_range', range: all },
        { op: 'delete_range', range: all },
      ],
    ],
    ['an empty key', ({ at }) => [put(at('a'), '1'), put('', '1')]],
    ['a key that is not Unicode', ({ at }) => [put(at('a'), '1'), put(at(lone), '1')]],
    ['a value that is not Unicode', ({ at }) => [put(at('a'), '1'), put(at('b'), lone)]],
  ];
  test.each(invalid)('a transaction with %s is invalid and writes nothing', async (_, writes) => {
    const keys = freshKeys();
    const before = await write(store(), put(keys.at('before'), ''));
    await expect(store().commit({ compares: [], writes: writes(keys) })).rejects.toEqual(appError('invalid'));
    const { kvs, revision } = await store().range(keys.all);
    expect({ keys: keysOf(kvs), revision }).toEqual({ keys: [keys.at('before')], revision: before });
  });

  test('a transaction of the largest size is taken, and one operation more is refused', async () => {
    const { at, all } = freshKeys();
    const { operationsMax } = store().limits;
    const writes = Array.from({ length: operationsMax + 1 }, (_, n) => put(at(String(n)), ''));
    await expect(store().commit({ compares: [], writes })).rejects.toEqual(appError('limit'));
    expect((await store().range(all)).kvs).toEqual([]);
    await write(store(), ...writes.slice(1));
    expect((await store().range(all, { keysOnly: true })).kvs).toHaveLength(operationsMax);
  });

  test('too many compares, or reads on failure, are refused', async () => {
    const { at } = freshKeys();
    const many = Array.from({ length: store().limits.operationsMax + 1 }, (_, n) => at(String(n)));
    const compares = many.map((key): Compare => ({ target: 'create', key, equals: 0 }));
    await expect(store().commit({ compares, writes: [] })).rejects.toEqual(appError('limit'));
    await expect(store().commit({ compares: [], writes: [], readOnFailure: many })).rejects.toEqual(appError('limit'));
  });

  test('too many bytes are refused, and nothing is written', async () => {
    const { at, all } = freshKeys();
    const value = 'x'.repeat(store().limits.bytesMax);
    const writes = [put(at('small'), ''), put(at('large'), value)];
    await expect(store().commit({ compares: [], writes })).rejects.toEqual(appError('limit'));
    expect((await store().range(all)).kvs).toEqual([]);
  });

  test('a store goes on after refusals', async () => {
    const { at } = freshKeys();
    await expect(store().commit({ compares: [], writes: [put('', '')] })).rejects.toEqual(appError('invalid'));
    await write(store(), put(at('a'), 'fine'));
    expect((await store().get(at('a')))?.value).toBe('fine');
  });
}

function closeTests(store: () => StateStore): void {
  test('after close every call is refused as unavailable', async () => {
    const { at, all } = freshKeys();
    await write(store(), put(at('a'), ''));
    await store().close();
    const calls = [
      store().get(at('a')),
      store().range(all),
      store().commit({ compares: [], writes: [put(at('a'), '')] }),
      store().watch(all, { signal: new AbortController().signal }),
      store().grantLease(5),
      store().compact(1),
    ];
    for (const call of calls) await expect(call).rejects.toEqual(appError('unavailable'));
  });

  test('close waits for what was accepted, and may be repeated', async () => {
    const { at } = freshKeys();
    const accepted = Array.from({ length: 50 }, (_, n) => write(store(), put(at(String(n)), '')));
    await Promise.all([store().close(), store().close()]);
    expect(await Promise.all(accepted)).toHaveLength(50);
  });
}
