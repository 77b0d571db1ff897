// An etcd that asks for user and password: what is wrong is told, tokens are renewed, and a user needs rights below the prefix only.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorText } from '../../store/model/errors.ts';
import { checkEtcd } from '../../store/state/etcd/etcd-check.ts';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import type { EtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { appError, freshKeys, put, record, told, write } from '../conformance/state-world.ts';
import { etcdctl, startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCluster } from '../etcd/etcd-cluster.ts';
import { eventually } from '../eventually.ts';

const GOFER = { name: 'gofer', password: 'p@ss: wörd' };
const READER = { name: 'reader', password: 'r' };
const PREFIX = 'gofer/';

let cluster: EtcdCluster;
beforeAll(async () => {
  // The shortest life that a token may have: it is over again and again while a test runs.
  cluster = await startEtcd(1, { args: ['--auth-token-ttl', '1'] });
  const ctl = (...args: string[]) => etcdctl(cluster.endpoints, ...args);
  await ctl('user', 'add', 'root:root');
  for (const { name, password } of [GOFER, READER]) {
    await ctl('user', 'add', `${name}:${password}`);
    await ctl('role', 'add', name);
    await ctl('user', 'grant-role', name, name);
  }
  await ctl('role', 'grant-permission', 'gofer', 'readwrite', PREFIX, '--prefix');
  await ctl('role', 'grant-permission', 'reader', 'read', PREFIX, '--prefix');
  await ctl('auth', 'enable');
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function withStore<T>(
  { user, prefix = PREFIX }: { readonly user?: typeof GOFER; readonly prefix?: string },
  use: (store: EtcdStore) => Promise<T>,
): Promise<T> {
  const { endpoints } = cluster;
  const store = createEtcdStore({ endpoints, prefix, ...(user === undefined ? {} : { user }) });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

test.each([
  [
    'a wrong password',
    { user: { ...GOFER, password: 'another-secret' } },
    /does not know this user with this password/,
  ],
  ['an unknown user', { user: { name: 'nobody', password: 'p' } }, /does not know this user with this password/],
  ['no user at all', {}, /etcd asks for a user/],
  ['a user who may only read', { user: READER }, /may not read and write below the prefix/],
  ['a prefix of somebody else', { user: GOFER, prefix: 'other/' }, /may not read and write below the prefix/],
])('%s: the check says so at once', async (_, options, sentence) => {
  await withStore(options, async (store) => {
    const refused = await checkEtcd(store, { waitMs: 60_000 }).catch((error: unknown) => error);
    expect(refused).toEqual(appError('unavailable'));
    expect(errorText(refused)).toMatch(sentence);
    expect(errorText(refused)).not.toContain('secret');
    const refusedWrite = store.commit({ compares: [], writes: [put('a', '')] });
    await expect(refusedWrite).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
  });
});

test('a watch that is not permitted is refused', async () => {
  await withStore({ user: GOFER, prefix: 'other/' }, async (store) => {
    await expect(record(store, freshKeys().all)).rejects.toEqual(appError('unavailable'));
  });
});

test('rights below the prefix are enough for everything', async () => {
  await withStore({ user: GOFER }, async (store) => {
    expect(await checkEtcd(store)).toEqual([]);
    const { at, all } = freshKeys();
    const watch = await record(store, all);
    const { id } = await store.grantLease(60);
    await Promise.all(Array.from({ length: 20 }, (_, n) => write(store, put(at(String(n)), '', id))));
    await store.keepLease(id);
    await store.revokeLease(id);
    await eventually(() => expect(watch.events()).toHaveLength(40));
    watch.stop();
    await store.compact((await store.range(all)).revision);
    expect((await store.look()).status).toBe('ok');
  });
});

test('a token that nobody used for too long is fetched anew', { timeout: 60_000 }, async () => {
  await withStore({ user: GOFER }, async (store) => {
    const { at, all } = freshKeys();
    const watch = await record(store, all);
    // The shortest lease outlives the token, and its end is told without one.
    const { id } = await store.grantLease(1);
    await write(store, put(at('leased'), '', id));
    const before = await metric('grpc_server_handled_total', 'grpc_method="Authenticate"');
    await eventually(() => expect(told(watch.events())).toContain(`delete ${at('leased')}`));
    await write(store, put(at('after'), ''));
    expect(await metric('grpc_server_handled_total', 'grpc_method="Authenticate"')).toBeGreaterThan(before);
    watch.stop();
  });
});

test('tokens that became invalid are fetched anew, in the middle of everything, and nothing is left behind', async () => {
  await withStore({ user: GOFER }, async (store) => {
    const { at, all } = freshKeys();
    const watch = await record(store, all);
    const { id } = await store.grantLease(60);
    const wanted: string[] = [];
    const openBefore = await metric('process_open_fds');
    for (let round = 0; round < 3; round += 1) {
      await forgetTokens();
      await Promise.all(Array.from({ length: 10 }, (_, n) => write(store, put(at(`${round}-${n}`), ''))));
      for (let n = 0; n < 10; n += 1) wanted.push(`put ${at(`${round}-${n}`)}=`);
      await forgetTokens();
      expect((await store.range(all)).kvs).toHaveLength(wanted.length);
      await forgetTokens();
      await store.keepLease(id);
      const other = await record(store, all);
      other.stop();
      expect(await other.over).toBeNull();
    }
    await eventually(() => expect(told(watch.events()).sort()).toEqual([...wanted].sort()));
    watch.stop();
    expect(await watch.over).toBeNull();
    expect(await metric('process_open_fds')).toBeLessThan(openBefore + 4);
  });
});

test('after a restart, which forgets all tokens, everything goes on, open watches included', async () => {
  await withStore({ user: GOFER }, async (store) => {
    const { at, all } = freshKeys();
    const watch = await record(store, all);
    await write(store, put(at('before'), ''));
    const [member] = cluster.members;
    await member?.kill();
    await member?.start();
    await eventually(() => write(store, put(at('after'), '')));
    await eventually(() => expect(told(watch.events()).at(-1)).toBe(`put ${at('after')}=`));
    watch.stop();
    expect(await watch.over).toBeNull();
  });
});

/** Makes all tokens invalid that were given out so far. */
async function forgetTokens(): Promise<void> {
  await etcdctl(cluster.endpoints, '--user', 'root:root', 'auth', 'disable');
  await etcdctl(cluster.endpoints, 'auth', 'enable');
}

/** The sum of a metric of etcd over the lines that carry the label. */
async function metric(name: string, label = ''): Promise<number> {
  const [endpoint = ''] = cluster.endpoints;
  const page = await (await fetch(`${endpoint}/metrics`)).text();
  const lines = page.split('\n').filter((line) => line.startsWith(name) && line.includes(label));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
