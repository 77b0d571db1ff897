// A configuration that is wrong is told in one sentence that says what to do, before a node starts; and TLS that is right works.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorText } from '../../store/model/errors.ts';
import type { EtcdConnection } from '../../store/state/etcd/etcd-connection.ts';
import { checkEtcd } from '../../store/state/etcd/etcd-check.ts';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import type { EtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { freshKeys, put, record, write } from '../conformance/state-world.ts';
import { makeCertificates } from '../etcd/certificates.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCertificates, EtcdCluster } from '../etcd/etcd-cluster.ts';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { TemporaryDirectory } from '../temporary-directory.ts';

let directory: TemporaryDirectory;
let good: EtcdCertificates;
let stranger: EtcdCertificates;
let misnamed: EtcdCertificates;
let plain: EtcdCluster;
let secure: EtcdCluster;
beforeAll(async () => {
  directory = await temporaryDirectory();
  good = await makeCertificates(directory.path, 'good', 'IP:127.0.0.1');
  stranger = await makeCertificates(directory.path, 'stranger', 'IP:127.0.0.1');
  misnamed = await makeCertificates(directory.path, 'misnamed', 'IP:127.0.0.1,DNS:etcd-1.example');
  [plain, secure] = await Promise.all([startEtcd(3), startEtcd(1, { tls: good })]);
});
afterAll(async () => {
  await Promise.all([plain[Symbol.asyncDispose](), secure[Symbol.asyncDispose]()]);
  await directory[Symbol.asyncDispose]();
});

async function withStore<T>(connection: EtcdConnection, use: (store: EtcdStore) => Promise<T>): Promise<T> {
  const store = createEtcdStore({ prefix: 'connection/', ...connection });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

const at = (url: string) => ({ endpoints: [url] });
const encrypted = (cluster: EtcdCluster) => cluster.endpoints.map((url) => url.replace('http:', 'https:'));
const unencrypted = (cluster: EtcdCluster) => cluster.endpoints.map((url) => url.replace('https:', 'http:'));

const faults: readonly (readonly [string, () => EtcdConnection, RegExp])[] = [
  ['nobody listens', () => at('http://127.0.0.1:1'), /nothing listens there; check address and port/],
  ['the name is unknown', () => at('http://no-such-host.invalid:2379'), /name is not known; check its spelling/],
  [
    'the authority is another',
    () => ({ ...secure, tls: { ...good.client, ca: stranger.client.ca } }),
    /not signed by the authority that we trust/,
  ],
  ['no authority is configured', () => secure, /not signed by the authority that we trust/],
  ['we have no certificate', () => ({ ...secure, tls: { ca: good.client.ca } }), /etcd refuses our certificate/],
  [
    'our certificate is of a stranger',
    () => ({ ...secure, tls: { ...stranger.client, ca: good.client.ca } }),
    /etcd refuses our certificate/,
  ],
  [
    'etcd is encrypted and we are not',
    () => ({ endpoints: unencrypted(secure) }),
    /may want an encrypted one: write https:/,
  ],
  [
    'we are encrypted and etcd is not',
    () => ({ endpoints: encrypted(plain), tls: good.client }),
    /nothing encrypted answers there; write http:/,
  ],
];

test.each(faults)('%s: the check says so and what to do', async (_, connection, sentence) => {
  await withStore(connection(), async (store) => {
    const refused = await checkEtcd(store, { waitMs: 300 }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'AppError', code: 'unavailable' });
    expect(errorText(refused)).toMatch(sentence);
    expect(store.health()).toMatchObject({ status: 'unavailable', problems: [{ code: 'unreachable' }] });
    const { at: key } = freshKeys();
    const write = store.commit({ compares: [], writes: [put(key('a'), '')] });
    await expect(write).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
  });
});

test('the certificate is for another name: the check says so', async () => {
  await using other = await startEtcdNamed();
  const tls = misnamed.client;
  await withStore(
    { endpoints: other.endpoints.map((url) => url.replace('127.0.0.1', 'localhost')), tls },
    async (store) => {
      await expect(checkEtcd(store, { waitMs: 300 })).rejects.toThrow(/certificate of etcd is for another name/);
    },
  );
});

function startEtcdNamed(): Promise<EtcdCluster> {
  return startEtcd(1, { tls: misnamed });
}

test('with the right certificates everything works, watches and leases included', async () => {
  await withStore({ ...secure, tls: good.client }, async (store) => {
    expect(await checkEtcd(store)).toEqual([]);
    const { at: key, all } = freshKeys();
    const watch = await record(store, all);
    const { id } = await store.grantLease(60);
    await write(store, put(key('a'), '1', id));
    await store.keepLease(id);
    expect(await store.get(key('a'))).toMatchObject({ value: '1', lease: id });
    await store.revokeLease(id);
    await eventually(() => expect(watch.events()).toHaveLength(2));
    watch.stop();
    expect(store.health().members).toMatchObject([{ isReachable: true, isLeader: true, quotaBytes: 2 * 1024 ** 3 }]);
  });
});

test.each([
  ['none', [], /at least one endpoint/],
  ['no address', ['etcd-1'], /'etcd-1' is not an address/],
  ['another scheme', ['unix:///run/etcd'], /is not an address/],
  ['no port', ['http://etcd-1'], /has no port/],
  ['a path', ['http://etcd-1:2379/v3'], /more than a scheme, a host and a port/],
  ['the same twice', ['http://a:2379', 'http://a:2379'], /named twice/],
  ['a mixture', ['http://a:2379', 'https://b:2379'], /all have to be the same/],
])('endpoints: %s are refused before anything is asked', (_, endpoints, sentence) => {
  expect(() => createEtcdStore({ endpoints, prefix: 'x/' })).toThrow(sentence);
});

test('certificates with plain endpoints, and half a certificate, are refused', () => {
  const { ca, cert } = good.client;
  expect(() => createEtcdStore({ ...at('http://a:2379'), prefix: 'x/', tls: { ca } })).toThrow(/not encrypted/);
  if (cert === undefined) throw new Error('the client has a certificate');
  expect(() => createEtcdStore({ ...at('https://a:2379'), prefix: 'x/', tls: { ca, cert } })).toThrow(
    /belong together/,
  );
});

test('endpoints of two clusters: the check refuses, and nothing is ever written to the other one', async () => {
  await using other = await startEtcd(1);
  const [first = '', second = ''] = plain.endpoints;
  await withStore({ endpoints: [first, second, ...other.endpoints] }, async (store) => {
    await expect(checkEtcd(store)).rejects.toThrow(/belongs to another etcd cluster than the other endpoints/);
    expect(store.health().problems).toContainEqual(expect.objectContaining({ code: 'other_cluster' }));
    const { at: key, all } = freshKeys();
    await Promise.all(Array.from({ length: 50 }, (_, n) => write(store, put(key(String(n)), ''))));
    const counts = await Promise.all(
      [plain.endpoints, other.endpoints].map((endpoints) =>
        withStore({ endpoints }, async (one) => (await one.range(all, { keysOnly: true })).kvs.length),
      ),
    );
    expect([...counts].sort((left, right) => left - right)).toEqual([0, 50]);
  });
});

test('one endpoint of three is dead: it works, with a warning', async () => {
  const [first = '', second = ''] = plain.endpoints;
  await withStore({ endpoints: ['http://127.0.0.1:1', first, second] }, async (store) => {
    const warnings = await checkEtcd(store);
    expect(warnings).toMatchObject([{ code: 'member_down', endpoint: 'http://127.0.0.1:1' }]);
    expect(warnings[0]?.message).toContain('nothing listens there');
    expect(store.health().status).toBe('degraded');
  });
});

test('two addresses of one member: it works, with a warning', async () => {
  const [first = ''] = plain.endpoints;
  const again = first.replace('127.0.0.1', 'localhost');
  await withStore({ endpoints: [first, again] }, async (store) => {
    expect(await checkEtcd(store)).toEqual([expect.objectContaining({ code: 'same_member', endpoint: again })]);
  });
});

test('an etcd that starts late is waited for', async () => {
  const [member] = secure.members;
  await member?.kill();
  await withStore({ ...secure, tls: good.client }, async (store) => {
    const checked = checkEtcd(store, { waitMs: 20_000 });
    await eventually(() => expect(store.health().status).toBe('unavailable'));
    await member?.start();
    expect(await checked).toEqual([]);
  });
});
