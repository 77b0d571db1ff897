// The etcd backend while members of a real cluster are killed and paused: what was acknowledged stays, watches miss nothing and tell
// nothing twice, and calls go on at the members that are left.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { isAppError } from '../../store/model/errors.ts';
import type { StateStore } from '../../store/state/port.ts';
import { freshKeys, put, record } from '../conformance/state-world.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCluster } from '../etcd/etcd-cluster.ts';
import { eventually } from '../eventually.ts';

/** A new leader among the members, and clients that find it, on a busy machine. */
const HEAL_MS = 20_000;
const WRITES = 40;

let cluster: EtcdCluster;
let store: StateStore;
beforeEach(async () => {
  cluster = await startEtcd();
  store = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'faults/' });
});
afterEach(async () => {
  await store.close();
  await cluster[Symbol.asyncDispose]();
});

/** Writes keys one after the other, each until it is acknowledged, and says which revisions that took. */
async function writeAll(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await eventually(async () => {
      const { succeeded } = await store.commit({
        compares: [{ target: 'create', key: name, equals: 0 }],
        writes: [put(name, 'x')],
      });
      // A write whose outcome was unknown may be there already.
      expect(succeeded || (await store.get(name)) !== null).toBe(true);
    }, HEAL_MS);
  }
}

test.each([
  ['killed', (n: number) => cluster.members[n]?.kill(), (n: number) => cluster.members[n]?.start()],
  ['paused', (n: number) => cluster.members[n]?.pause(), (n: number) => cluster.members[n]?.resume()],
] as const)(
  'each member in turn is %s: all acknowledged writes are there, and a watch tells each once, in order',
  { timeout: 120_000 },
  async (_name, hurt, heal) => {
    const { at, all } = freshKeys();
    const watch = await record(store, all);
    const names: string[] = [];
    for (let member = 0; member < 3; member += 1) {
      await hurt(member);
      const round = Array.from({ length: WRITES }, (_, n) => at(`${member}-${String(n).padStart(3, '0')}`));
      await writeAll(round);
      names.push(...round);
      await heal(member);
    }
    const { kvs } = await store.range(all, { keysOnly: true });
    expect(kvs.map(({ key }) => key)).toEqual([...names].sort());
    await eventually(() => {
      const told = watch.events().map((event) => (event.type === 'put' ? event.kv.key : `- ${event.key}`));
      expect(told).toEqual(names);
    }, HEAL_MS);
    watch.stop();
    expect(await watch.over).toBeNull();
  },
);

test(
  'with no majority left calls are refused as unavailable, and work again when it is back',
  { timeout: 90_000 },
  async () => {
    const { at } = freshKeys();
    await writeAll([at('before')]);
    const [first, second] = cluster.members;
    await first?.kill();
    await second?.kill();
    const refused = await store
      .commit({ compares: [], writes: [put(at('lost'), '')] })
      .catch((error: unknown) => error);
    expect(isAppError(refused, 'unavailable')).toBe(true);
    await expect(store.get(at('before'))).rejects.toMatchObject({ code: 'unavailable' });
    await first?.start();
    await eventually(async () => expect(await store.get(at('before'))).not.toBeNull(), HEAL_MS);
    await writeAll([at('after')]);
  },
);

test('an address where nobody listens is passed over', async () => {
  const other = createEtcdStore({ endpoints: ['http://127.0.0.1:1', ...cluster.endpoints], prefix: 'faults/' });
  const { at, all } = freshKeys();
  try {
    const watch = await record(other, all);
    const { succeeded } = await other.commit({ compares: [], writes: [put(at('a'), '1')] });
    expect(succeeded).toBe(true);
    expect((await other.get(at('a')))?.value).toBe('1');
    await eventually(() => expect(watch.events()).toHaveLength(1));
    watch.stop();
  } finally {
    await other.close();
  }
});

test('two prefixes do not see each other', async () => {
  const other = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'others/' });
  const { at, all } = freshKeys();
  try {
    await store.commit({ compares: [], writes: [put(at('a'), 'mine')] });
    await other.commit({ compares: [], writes: [put(at('a'), 'theirs')] });
    expect((await store.get(at('a')))?.value).toBe('mine');
    expect((await other.range(all)).kvs).toMatchObject([{ key: at('a'), value: 'theirs', version: 1 }]);
  } finally {
    await other.close();
  }
});
