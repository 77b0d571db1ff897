// An etcd that has reached its quota: reads, deletes and leases go on, everything else is refused for certain, all of it is told, and
// nothing is left of it once an operator made space.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StoreHealth } from '../../store/state/health.ts';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { checkEtcd } from '../../store/state/etcd/etcd-check.ts';
import type { EtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { freshKeys, put, record, remove, write } from '../conformance/state-world.ts';
import { etcdctl, startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCluster } from '../etcd/etcd-cluster.ts';
import { eventually } from '../eventually.ts';

const QUOTA_BYTES = 16 * 1024 * 1024;
const CHUNK = 'x'.repeat(100_000);

let cluster: EtcdCluster;
let store: EtcdStore;
const told: StoreHealth[] = [];
beforeAll(async () => {
  cluster = await startEtcd(3, { args: ['--quota-backend-bytes', String(QUOTA_BYTES)] });
  store = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'full/', onHealth: (health) => told.push(health) });
});
afterAll(async () => {
  await store.close();
  await cluster[Symbol.asyncDispose]();
});

const codes = (health: StoreHealth) => health.problems.map(({ code }) => code);

/** Writes in groups until one is refused, and says how much was taken. */
async function fill(at: (name: string) => string): Promise<number> {
  for (let round = 0; round < 100; round += 1) {
    const writes = Array.from({ length: 4 }, (_, n) =>
      store.commit({ compares: [], writes: [put(at(`fill-${round}-${n}`), CHUNK)] }),
    );
    const results = await Promise.allSettled(writes);
    const refused = results.filter((result) => result.status === 'rejected').map(({ reason }): unknown => reason);
    if (refused.length === 0) continue;
    for (const error of refused) expect(error).toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
    return round * 4 * CHUNK.length;
  }
  throw new Error('the quota did not hold: nested writes are not counted');
}

test('full, then cleared: what works, what is refused, what is told', { timeout: 120_000 }, async () => {
  const { at, all } = freshKeys();
  const lease = await store.grantLease(60);
  await write(
    store,
    put(at('leader'), 'me', lease.id),
    ...Array.from({ length: 40 }, (_, n) => put(at(`old-${n}`), '')),
  );
  const term = await store.get(at('leader'));
  const watch = await record(store, all);

  // etcd measures its file, which lags behind what it has taken.
  expect(await fill(at)).toBeLessThan(2 * QUOTA_BYTES);
  await eventually(async () => expect(codes(await store.look())).toContain('no_space'));
  expect(store.health().status).toBe('read_only');
  const sentence = store.health().problems.find(({ code }) => code === 'no_space')?.message;
  expect(sentence).toMatch(/read-only.*etcdctl compact.*defrag.*alarm disarm/);
  expect(store.health().members).toMatchObject(Array.from({ length: 3 }, () => ({ quotaBytes: QUOTA_BYTES })));
  expect(codes(store.health())).toContain('nearly_full');
  expect((await checkEtcd(store)).map(({ code }) => code)).toContain('no_space');

  // The leader keeps its lease and makes space under its fence.
  await store.keepLease(lease.id);
  expect(await store.get(at('leader'))).toEqual(term);
  const fence = [{ target: 'create', key: at('leader'), equals: term?.createRevision ?? 0 }] as const;
  const deletes = Array.from({ length: 40 }, (_, n) =>
    store.commit({ compares: fence, writes: [remove(at(`old-${n}`))] }),
  );
  const puts = Array.from({ length: 20 }, (_, n) =>
    store.commit({ compares: fence, writes: [put(at(`new-${n}`), '')] }),
  );
  const [deleted, refused] = await Promise.all([Promise.allSettled(deletes), Promise.allSettled(puts)]);
  for (const result of deleted) expect(result).toMatchObject({ status: 'fulfilled', value: { succeeded: true } });
  const wanted = { status: 'rejected', reason: { name: 'AppError', code: 'unavailable', outcome: 'not_applied' } };
  for (const result of refused) expect(result).toMatchObject(wanted);
  await expect(store.grantLease(60)).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
  await write(store, { op: 'delete_range', range: { start: at('fill-'), end: at('fill.') } });

  const { revision } = await store.range(all);
  await etcdctl(cluster.endpoints, 'compact', String(revision));
  for (const endpoint of cluster.endpoints) await etcdctl([endpoint], 'defrag');
  await etcdctl(cluster.endpoints, 'alarm', 'disarm');
  // It recovers by itself: by its own look, and by the first write.
  await write(store, put(at('after'), ''));
  await eventually(() => expect(store.health().status).toBe('ok'));
  expect(told.map(codes).some((list) => list.includes('no_space'))).toBe(true);
  expect(told.at(-1)?.problems).toEqual([]);
  await store.keepLease(lease.id);
  await eventually(() => expect(watch.events().at(-1)).toMatchObject({ type: 'put', kv: { key: at('after') } }));
  expect(watch.events().filter(({ type }) => type === 'delete').length).toBeGreaterThan(80);
  watch.stop();
});
