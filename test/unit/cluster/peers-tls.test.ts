// Who may speak to a node: with TLS whoever has a certificate of the cluster's authority, without it nobody beyond this machine.

import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest';
import { openPeers } from '../../../cluster/peers/open-peers.ts';
import type { PeersOptions, PeerTlsFiles } from '../../../cluster/peers/options.ts';
import { peerMethods } from '../../../cluster/peers/peer-codec.ts';
import { makeCertificates } from '../../etcd/certificates.ts';
import { eventually } from '../../eventually.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';
import type { TemporaryDirectory } from '../../temporary-directory.ts';
import { aPulse, noStarts, noTasks } from './peers-parts.ts';
import { aPeer, heardOf } from './peers-world.ts';

let directory: TemporaryDirectory;
let ours: PeerTlsFiles;
let renewed: PeerTlsFiles;
let strange: PeerTlsFiles;
let elsewhere: PeerTlsFiles;
let own: TemporaryDirectory;

beforeAll(async () => {
  directory = await temporaryDirectory();
  [ours, renewed, strange, elsewhere] = [
    await makeCertificates(directory.path, 'ours', 'IP:127.0.0.1,DNS:localhost'),
    await makeCertificates(directory.path, 'renewed', 'IP:127.0.0.1'),
    await makeCertificates(directory.path, 'strange', 'IP:127.0.0.1'),
    await makeCertificates(directory.path, 'elsewhere', 'IP:10.1.2.3'),
  ];
});
afterAll(() => directory[Symbol.asyncDispose]());
beforeEach(async () => {
  own = await temporaryDirectory();
});
afterEach(() => own[Symbol.asyncDispose]());

const PROBE_MS = 2_000;
const QUICK = { againMaxMs: 100, certificatesMs: 20 };

test.each(['127.0.0.1', 'localhost'])(
  'two nodes with certificates of one authority hear each other at %s',
  async (host) => {
    const [a, b] = [await aPeer('a', { tls: ours }), await aPeer('b', { tls: ours, advertise: `${host}:0` })];
    a.peers.follow([b.target]);
    await eventually(() => expect(heardOf(a, b.target)).toMatchObject({ pulse: { nodeId: 'b' }, broken: false }));
    expect(await a.peers.probe(b.target, PROBE_MS)).toBe('alive');
  },
);

test('a node of another authority is heard by nobody and hears nobody', async () => {
  const a = await aPeer('a', { tls: ours, timings: QUICK });
  const b = await aPeer('b', { tls: strange, timings: QUICK });
  a.peers.follow([b.target]);
  b.peers.follow([a.target]);
  await eventually(() => expect(heardOf(a, b.target).broken && heardOf(b, a.target).broken).toBe(true));
  expect([heardOf(a, b.target).pulse, heardOf(b, a.target).pulse]).toEqual([null, null]);
  // It is there, whatever it is: that must not depose anybody.
  expect(await a.peers.probe(b.target, 300)).toBe('silent');
});

test.each([
  { who: 'without a certificate', how: async () => credentials.createSsl(await readFile(ours.caPath)) },
  { who: 'without TLS', how: async () => credentials.createInsecure() },
  {
    who: 'with a certificate of its own making',
    how: async () => {
      const [ca, key, cert] = [ours.caPath, strange.keyPath, strange.certPath].map((file) => readFile(file));
      return credentials.createSsl((await ca) ?? null, (await key) ?? null, (await cert) ?? null);
    },
  },
])('a caller $who is refused before it says anything', async ({ how }) => {
  const a = await aPeer('a', { tls: ours });
  const client = new Client(a.address, await how());
  const { path, requestSerialize, responseDeserialize } = peerMethods.probe;
  const answer = new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error, value) =>
      error === null ? resolve(value) : reject(error),
    );
  });
  await expect(answer).rejects.toThrow('UNAVAILABLE');
  client.close();
});

test('a node whose certificate is for another address is not believed', async () => {
  const both = { ...elsewhere, caPath: join(own.path, 'both.pem') };
  await writeFile(both.caPath, (await readFile(ours.caPath, 'utf8')) + (await readFile(elsewhere.caPath, 'utf8')));
  const a = await aPeer('a', { tls: { ...ours, caPath: both.caPath }, timings: QUICK });
  const b = await aPeer('b', { tls: both });
  a.peers.follow([b.target]);
  await eventually(() => expect(heardOf(a, b.target).broken).toBe(true));
  expect(String(a.lines[0]?.fields['why'])).toContain('10.1.2.3');
});

test('renewed certificates are used without a restart, and half of a renewal changes nothing', async () => {
  const files = { caPath: join(own.path, 'ca'), certPath: join(own.path, 'cert'), keyPath: join(own.path, 'key') };
  await Promise.all([copyFile(ours.caPath, files.caPath), copyFile(ours.certPath, files.certPath)]);
  await copyFile(ours.keyPath, files.keyPath);
  await appendFile(files.caPath, await readFile(renewed.caPath));
  const a = await aPeer('a', { tls: files, timings: QUICK });
  expect(await authorityOf(a.address, files)).toBe('ours authority');
  await copyFile(renewed.certPath, files.certPath);
  await eventually(() => expect(a.lines.map(({ message }) => message)).toContain(NOT_RENEWED));
  expect(await authorityOf(a.address, ours)).toBe('ours authority');
  await copyFile(renewed.keyPath, files.keyPath);
  await eventually(async () => expect(await authorityOf(a.address, files)).toBe('renewed authority'));
  expect(a.lines.filter(({ message }) => message === NOT_RENEWED)).toHaveLength(1);
  const b = await aPeer('b', { tls: files });
  expect(await a.peers.probe(b.target, PROBE_MS)).toBe('alive');
});

const NOT_RENEWED = 'peers: certificates not renewed, the old ones are used';

/** Who signed what the listener shows. */
async function authorityOf(address: string, { caPath, certPath, keyPath }: PeerTlsFiles): Promise<unknown> {
  const [host = '', port = ''] = address.split(':');
  const [ca, cert, key] = await Promise.all([caPath, certPath, keyPath].map((file) => readFile(file)));
  const trust = { ca: [ca ?? '', await readFile(renewed.caPath)], ALPNProtocols: ['h2'] };
  const socket = connect({ host, port: Number(port), cert, key, ...trust });
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const { issuer } = socket.getPeerCertificate();
  socket.destroy();
  return issuer.CN;
}

const settings: { name: string; given: () => Partial<PeersOptions>; says: string }[] = [
  {
    name: 'every address without TLS',
    given: () => ({ bind: '0.0.0.0:0' }),
    says: 'cluster.bind_address: 0.0.0.0:0 is not',
  },
  { name: 'another address without TLS', given: () => ({ bind: '10.0.0.1:0' }), says: 'needs cluster.tls_ca_path' },
  {
    name: 'no port',
    given: () => ({ bind: '127.0.0.1' }),
    says: 'cluster.bind_address: found "127.0.0.1", expected host:port',
  },
  {
    name: 'an address that is not ours',
    given: () => ({ bind: '192.0.2.1:0', tls: ours }),
    says: 'cannot listen on 192.0.2.1:0',
  },
  {
    name: 'nothing that others can dial',
    given: () => ({ bind: '0.0.0.0:0', tls: ours }),
    says: 'cluster.advertise_address: needed',
  },
  {
    name: 'no key',
    given: () => ({ tls: { ...ours, keyPath: '' } }),
    says: 'cluster.tls_key_path: the name of a PEM file',
  },
  {
    name: 'no such file',
    given: () => ({ tls: { ...ours, caPath: '/nowhere' } }),
    says: 'cluster.tls_ca_path: /nowhere is not usable',
  },
  {
    name: 'no certificate in it',
    given: () => ({ tls: { ...ours, certPath: ours.keyPath } }),
    says: 'no certificate in it',
  },
  {
    name: 'the key of another',
    given: () => ({ tls: { ...ours, keyPath: strange.keyPath } }),
    says: 'does not belong to cluster.tls_cert_path',
  },
  {
    name: 'the authority of another',
    given: () => ({ tls: { ...ours, caPath: strange.caPath } }),
    says: 'not signed by an authority',
  },
];

test.each(settings)('settings that are refused say which one: $name', async ({ given, says }) => {
  await expect(aPeer('a', given())).rejects.toThrow(says);
});

test('a port that is taken is a conflict', async () => {
  const { address } = await aPeer('a');
  await expect(aPeer('b', { bind: address })).rejects.toMatchObject({ code: 'conflict' });
});

test('without TLS a node that is not on this machine is not dialled', async () => {
  const a = await aPeer('a');
  const far = { name: 'far', nodeId: 'far', address: '192.0.2.1:80' };
  a.peers.follow([far]);
  expect(heardOf(a, far)).toMatchObject({ broken: true, pulse: null });
  expect(await a.peers.probe(far, PROBE_MS)).toBe('silent');
  expect(String(a.lines[0]?.fields['why'])).toContain('cluster.tls_ca_path');
});

test.each([
  { bind: '127.0.0.1:0', advertise: '', wanted: /^127\.0\.0\.1:[1-9]/ },
  { bind: '127.0.0.1:0', advertise: 'node-1.example:0', wanted: /^node-1\.example:[1-9]/ },
  { bind: '127.0.0.1:0', advertise: 'node-1.example:4444', wanted: /^node-1\.example:4444$/ },
  { bind: '[::1]:0', advertise: '', wanted: /^\[::1\]:[1-9]/ },
])('others dial $advertise for $bind', async ({ wanted, ...given }) => {
  expect((await aPeer('a', given)).address).toMatch(wanted);
});

test('what was opened is closed again when the opening fails', async () => {
  const { address } = await aPeer('taken');
  const parts = { clusterId: 'c', self: { nodeId: 'x', name: 'x' }, serve: { identity: '', tasks: noTasks() } };
  const log = { info: () => undefined, warn: () => undefined };
  const times = { source: () => aPulse('x'), startHere: noStarts, monotonicMs: () => performance.now(), log };
  const before = process.getActiveResourcesInfo().length;
  for (let round = 0; round < 5; round += 1) {
    const opening = openPeers({ bind: address, advertise: '', tls: ours, ...parts, ...times });
    await expect(opening).rejects.toThrow('is in use');
  }
  await eventually(() => expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before));
});
