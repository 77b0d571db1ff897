// What a node of a cluster refuses to start with: each is one line that says what to do, with exit code 1, and nothing was written.

import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { eventually } from '../eventually.ts';
import { clusterStatus, startCluster } from './cluster-world.ts';
import type { ClusterWorld, WorldNode } from './cluster-world.ts';
import { api, freePort, gofer, startServer } from './real-server.ts';
import type { CliResult } from './real-server.ts';

const NOWHERE = { url: 'http://127.0.0.1:1' };

let world: ClusterWorld;
let first: WorldNode;

beforeAll(async () => {
  world = await startCluster({ nodes: 1, etcd: 1 });
  first = await world.leader();
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

type Environment = Readonly<Record<string, string>>;

/** Starts a further node, which cannot start. */
async function refused(
  changed: Environment,
  dataDir: string = path.join(world.directory, 'refused'),
): Promise<CliResult> {
  const args = ['service', 'start', '--engine', 'process', '--data-dir', dataDir];
  const environment = { ...(await world.settings('n9')), ...changed };
  return gofer(NOWHERE, [...args, '--bind', `127.0.0.1:${await freePort()}`], { environment });
}

/** Warnings may stand before it. */
function expectRefusal({ status, stderr }: CliResult, text: string): void {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  expect({ status, last }).toEqual({ status: 1, last: expect.stringContaining(text) as string });
  expect(last).toMatch(/^gofer: /);
  expect(stderr).not.toMatch(/^ +at /m);
}

async function keysBelow(prefix: string): Promise<readonly string[]> {
  const store = createEtcdStore({ endpoints: world.etcd.endpoints, prefix });
  try {
    return (await store.range({ start: '\0', end: '\u{10ffff}' })).kvs.map(({ key }) => key);
  } finally {
    await store.close();
  }
}

describe('settings', () => {
  test.each<[string, Environment, string]>([
    ['an open node-to-node port', { GOFER_WEB_CLUSTER__BIND_ADDRESS: '0.0.0.0:0' }, 'cluster.bind_address'],
    ['a CA that is not there', { GOFER_WEB_STATE_STORE__ETCD__CA_PATH: '/no/such/ca.pem' }, 'state_store.etcd.ca_path'],
    ['objects of its own', { GOFER_WEB_OBJECT_STORE__FILESYSTEM__SHARED: 'false' }, 'object_store.filesystem'],
    ['an engine that is unknown', { GOFER_WEB_STATE_STORE__ENGINE: 'postgres' }, 'state_store.engine'],
  ])('%s', async (_what, environment, text) => {
    const result = await refused(environment);
    expect({ status: result.status, stderr: result.stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining(text) as string,
    });
    expect(result.stderr).not.toMatch(/^ +at /m);
  });
});

test('etcd: nothing listens at the address; nothing encrypted answers there', async () => {
  const [endpoint = ''] = world.etcd.endpoints;
  const [absent, plain] = await Promise.all(
    ['http://127.0.0.1:1', endpoint.replace('http:', 'https:')].map((endpoints, index) =>
      refused({ GOFER_WEB_STATE_STORE__ETCD__ENDPOINTS: endpoints }, path.join(world.directory, `refused-${index}`)),
    ),
  );
  if (absent === undefined || plain === undefined) throw new Error('two nodes were started');
  expectRefusal(absent, 'nothing listens there');
  expectRefusal(plain, 'write http:// instead of https://');
}, 60_000);

test('a second node with the name of a live one', async () => {
  expectRefusal(await refused({ GOFER_WEB_CLUSTER__NAME: first.name }), first.name);
  expect((await clusterStatus([first])).leader?.name).toBe(first.name);
}, 60_000);

test('the prefix of another cluster, and an empty one, for a node that was a member here: nothing is written there; nor does it work with a store from an old backup', async () => {
  const dataDir = path.join(world.directory, 'moved');
  const environment = { ...(await world.settings('n8')), GOFER_WEB_CLUSTER__NAME: 'n8' };
  const member = await startServer({ dataDir, port: await freePort(), engine: 'process', environment });
  await eventually(async () => expect((await fetch(`${member.url}/readyz`)).status).toBe(200));
  expect(await member.stop()).toBe(0);
  const result = await refused({ GOFER_WEB_STATE_STORE__ETCD__PREFIX: 'mistyped/' }, dataDir);
  expectRefusal(result, 'Check the endpoints and the prefix of the state store');
  expect(result.stderr).toContain(path.join(dataDir, 'cluster.json'));
  expect(await keysBelow('mistyped/')).toEqual([]);
  const remembered = JSON.parse(await readFile(path.join(dataDir, 'cluster.json'), 'utf8')) as object;
  await writeFile(path.join(dataDir, 'cluster.json'), JSON.stringify({ ...remembered, highestRevision: 1_000_000 }));
  expectRefusal(await refused({ GOFER_WEB_CLUSTER__NAME: 'n8' }, dataDir), 'The state store went backwards');
}, 60_000);

test('an object directory that is not the one of the cluster', async () => {
  const directory = path.join(world.directory, 'other-objects');
  const result = await refused({ GOFER_WEB_OBJECT_STORE__FILESYSTEM__PATH: directory });
  expectRefusal(result, `object_store.filesystem.path: ${directory} is not the directory`);
});

test('no key file, although secrets are sealed: none is made', async () => {
  const file = path.join(world.directory, 'absent.key');
  const result = await refused({ GOFER_WEB_SECRET_STORE__SEALED__KEY_FILE: file });
  expectRefusal(result, 'Copy the key file of another node');
  expect(existsSync(file)).toBe(false);
});

test('a key of its own', async () => {
  const file = path.join(world.directory, 'own.key');
  await writeFile(file, `${Buffer.alloc(32, 7).toString('base64')}\n`);
  await chmod(file, 0o600);
  expectRefusal(await refused({ GOFER_WEB_SECRET_STORE__SEALED__KEY_FILE: file }), 'secret_store.sealed.key_file');
});

test('another engine: the node is a member, serves, does not lead, and says why', async () => {
  const directory = path.join(world.directory, 'elsewhere');
  await mkdir(directory);
  const environment = {
    ...(await world.settings('apart')),
    GOFER_WEB_SCHEDULER__PROCESS__DIRECTORY: path.join(directory, 'attempts'),
  };
  const dataDir = path.join(directory, 'data');
  const server = await startServer({ dataDir, port: await freePort(), engine: 'process', environment });
  try {
    await eventually(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200));
    const { body } = await api(server, 'GET', '/api/cluster');
    expect(body).toMatchObject({
      leader: { name: first.name },
      members: [
        { name: 'apart', leader: false, stands_back: expect.stringContaining('engine') as string },
        { name: first.name, stands_back: null },
      ],
    });
    await eventually(() => expect(server.log()).toContain('this one stands back'));
    const { status, stdout } = await gofer(server, ['cluster', 'status']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('apart stands back: ') as string });
    const transfer = await gofer(server, ['cluster', 'transfer', 'apart']);
    expect(transfer).toMatchObject({ status: 5, stderr: expect.stringContaining('apart cannot lead') as string });
  } finally {
    await server.stop();
  }
}, 60_000);

test('through all of that the cluster itself went on', async () => {
  expect((await clusterStatus([first])).leader?.name).toBe(first.name);
  expect(await api(first, 'GET', '/api/namespaces')).toMatchObject({ status: 200 });
});
