// What becomes of etcd's past: it is dropped, a watch that needs it says so, and an etcd that lost some of it is not trusted again.

import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoreHealth } from '../../store/state/health.ts';
import { createTcpLink } from '../../chaos/links/tcp-link.ts';
import type { TcpLink } from '../../chaos/links/tcp-link.ts';
import { PASS } from '../../chaos/links/link-rules.ts';
import { CompactedError } from '../../store/state/port.ts';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import type { EtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { freshKeys, put, record, told, write } from '../conformance/state-world.ts';
import { etcdctl, startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCluster } from '../etcd/etcd-cluster.ts';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

let cluster: EtcdCluster;
let store: EtcdStore;
const seen: StoreHealth[] = [];
const open = (more: { readonly keepHistoryMs?: number } = {}) =>
  createEtcdStore({ endpoints: cluster.endpoints, prefix: 'past/', ...more });
beforeEach(async () => {
  cluster = await startEtcd(1);
  seen.length = 0;
  store = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'past/', onHealth: (health) => seen.push(health) });
});
afterEach(async () => {
  await store.close();
  await cluster[Symbol.asyncDispose]();
});

async function restart(): Promise<void> {
  for (const member of cluster.members) {
    await member.kill();
    await member.start();
  }
}

test('a node drops old history by itself, and what is newer stays', async () => {
  const keeping = open({ keepHistoryMs: 100 });
  const { at, all } = freshKeys();
  try {
    const old = await write(keeping, put(at('a'), '1'));
    await write(keeping, put(at('a'), '2'));
    await eventually(async () => {
      await expect(keeping.range(all, { revision: old })).rejects.toBeInstanceOf(CompactedError);
    });
    expect((await keeping.get(at('a')))?.value).toBe('2');
  } finally {
    await keeping.close();
  }
});

/** A second store, whose connection can be cut. */
async function overLink<T>(use: (far: EtcdStore, link: TcpLink) => Promise<T>): Promise<T> {
  const { hostname, port } = new URL(cluster.endpoints[0] ?? '');
  await using link = await createTcpLink({ target: { host: hostname, port: Number(port) } });
  const far = createEtcdStore({ endpoints: [`http://127.0.0.1:${link.port}`], prefix: 'past/' });
  try {
    return await use(far, link);
  } finally {
    await far.close();
  }
}

test('a watch that was cut off while its history was dropped ends and says so', async () => {
  await overLink(async (far, link) => {
    const { at, all } = freshKeys();
    const watch = await record(far, all);
    await write(store, put(at('a'), '1'));
    await eventually(() => expect(watch.events()).toHaveLength(1));
    await link.set({ kind: 'refuse' });
    for (const value of ['2', '3', '4']) await write(store, put(at('a'), value));
    await store.compact((await store.range(all)).revision);
    await link.set(PASS);
    expect(await watch.over).toBeInstanceOf(CompactedError);
    expect(told(watch.events())).toEqual([`put ${at('a')}=1`]);
  });
});

test('a watch that is cut off again and again while it catches up misses nothing and tells nothing twice', async () => {
  await overLink(async (far, link) => {
    const { at, all } = freshKeys();
    const watch = await record(far, all);
    await link.set({ kind: 'refuse' });
    // More than etcd sends at once to a watch that is behind.
    const values = Array.from({ length: 2_500 }, (_, n) => String(n));
    for (const value of values) await write(store, put(at('a'), value));
    await link.set(PASS);
    for (const events of [1, 1_000, 2_000]) {
      await eventually(() => expect(watch.events().length).toBeGreaterThanOrEqual(events));
      link.cut();
    }
    const wanted = values.map((value) => `put ${at('a')}=${value}`);
    await eventually(() => expect(watch.events().length).toBeGreaterThanOrEqual(wanted.length));
    expect(told(watch.events())).toEqual(wanted);
    watch.stop();
  });
});

test('restored from an older snapshot: noticed by the first call, told, and nothing is served any more', async () => {
  await using directory = await temporaryDirectory();
  const snapshot = join(directory.path, 'snapshot');
  const { at, all } = freshKeys();
  await write(store, put(at('a'), 'before'));
  await etcdctl(cluster.endpoints, 'snapshot', 'save', snapshot);
  const watch = await record(store, all);
  const acknowledged = await write(store, put(at('a'), 'after'));
  for (const member of cluster.members) {
    await member.kill();
    await member.restore(snapshot);
  }
  await eventually(async () => {
    await expect(store.get(at('a'))).rejects.toMatchObject({ message: 'The state store lost acknowledged data.' });
  });
  const refused = store.commit({ compares: [], writes: [put(at('a'), 'damage')] });
  await expect(refused).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
  expect(await watch.over).toMatchObject({ message: 'The state store lost acknowledged data.' });
  const health = await store.look();
  expect(health).toMatchObject({ status: 'unavailable', problems: [{ code: 'went_back' }] });
  expect(health.problems[0]?.message).toMatch(
    new RegExp(`after it had acknowledged ${acknowledged}.*older backup.*Stop all`),
  );
  expect(seen.at(-1)?.problems[0]?.code).toBe('went_back');
  // A store that is opened now has seen nothing else: whoever remembers the revision has to compare.
  const fresh = open();
  expect((await fresh.get(at('a')))?.value).toBe('before');
  await fresh.close();
});

test('another etcd at the same address is not taken for ours', async () => {
  const { at } = freshKeys();
  await write(store, put(at('a'), 'ours'));
  const [member] = cluster.members;
  if (member === undefined) throw new Error('a cluster has a member');
  await member.kill();
  await using stranger = await startEtcd(1, { endpoint: member.endpoint });
  await eventually(async () => {
    const { problems } = await store.look();
    expect(problems).toMatchObject([{ code: 'other_cluster' }]);
  });
  const refused = store.commit({ compares: [], writes: [put(at('a'), 'damage')] });
  await expect(refused).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
  await expect(store.get(at('a'))).rejects.toMatchObject({ code: 'unavailable' });
  const there = createEtcdStore({ endpoints: stranger.endpoints, prefix: 'past/' });
  expect(await there.get(at('a'))).toBeNull();
  await there.close();
});

test('a restart alone is no loss: everything goes on', async () => {
  const { at, all } = freshKeys();
  const watch = await record(store, all);
  await write(store, put(at('a'), '1'));
  await restart();
  await eventually(() => write(store, put(at('a'), '2')));
  await eventually(() => expect(told(watch.events()).at(-1)).toBe(`put ${at('a')}=2`));
  expect((await store.look()).status).toBe('ok');
  watch.stop();
});
