// What an operator does with a cluster: looks at it, lets another node lead, empties a node and stops it without one failed request.

import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faketimeLibrary } from '../../chaos/session/clocks.ts';
import { eventually } from '../eventually.ts';
import { clusterStatus, startCluster, untilReady } from './cluster-world.ts';
import type { ClusterWorld, WorldNode } from './cluster-world.ts';
import { api, gofer } from './real-server.ts';

/** Long enough to see that it is served in it, and short enough to wait for. */
const DRAIN_SECONDS = 2;

let world: ClusterWorld;

beforeAll(async () => {
  world = await startCluster({ environment: { GOFER_WEB_SERVER__DRAIN_SECONDS: String(DRAIN_SECONDS) } });
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

async function aFollower(): Promise<WorldNode> {
  const [follower] = await world.followers();
  if (follower === undefined) throw new Error('three nodes have two followers');
  return follower;
}

test('status: members, leader and term, engines, versions, health of the store, through any node', async () => {
  const leader = await world.leader();
  for (const node of world.nodes) {
    const { status, stdout } = await gofer(node, ['cluster', 'status', '--json']);
    expect(status).toBe(0);
    const cluster = JSON.parse(stdout) as Awaited<ReturnType<typeof node.client.getCluster>>;
    expect(cluster).toMatchObject({
      leader: { name: leader.name },
      record_format: 1,
      drains: [],
      transfer: null,
      served_by: { name: node.name, ready: true, reasons: [], store: { status: 'ok' } },
    });
    expect(cluster.members.map(({ name, leader: leads }) => [name, leads])).toEqual(
      world.nodes.map(({ name }) => [name, name === leader.name]),
    );
    for (const member of cluster.members) {
      const { url } = world.nodes.find(({ name }) => name === member.name) ?? leader;
      expect(member).toMatchObject({ api_url: url, stands_back: null, engine: { kind: 'process' } });
      expect(member.peer_address).toMatch(/^127\.0\.0\.1:\d+$/);
    }
    expect(cluster.served_by.store?.members).toHaveLength(3);
  }
  const { stdout } = await gofer(leader, ['cluster', 'status']);
  expect(stdout).toContain(`${leader.name}, in term `);
  expect(stdout).toMatch(/ok: 3 of 3 members of etcd/);
  expect(stdout).not.toContain('Problems');
});

test('the log of each node says who leads', async () => {
  const leader = await world.leader();
  for (const node of world.nodes) {
    const line = node === leader ? 'this node leads' : `another node leads leader=${leader.name}`;
    await eventually(() => expect(node.server().log()).toContain(line));
  }
});

test('transfer: to the node that was named, and the command says how long it took', async () => {
  const target = await aFollower();
  const { status, stdout, stderr } = await gofer(target, ['cluster', 'transfer', target.name]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`${target.name} leads now, in term \\d+; handing over from n\\d took \\d+ ms`));
  expect((await world.leader()).name).toBe(target.name);
});

test('transfer: to any other node', async () => {
  const before = await world.leader();
  const { status, stdout } = await gofer(before, ['cluster', 'transfer', '--json']);
  const answer = JSON.parse(stdout) as { readonly leader: { readonly name: string }; readonly from: string };
  expect({ status, from: answer.from }).toEqual({ status: 0, from: before.name });
  expect(answer.leader.name).not.toBe(before.name);
});

test.each([
  { args: ['cluster', 'transfer', 'n9'], status: 2, text: 'there are: n1, n2, n3' },
  { args: ['cluster', 'drain', 'n9'], status: 2, text: 'there are: n1, n2, n3' },
  { args: ['cluster', 'drain', 'n1', '--undo'], status: 2, text: 'n1 is not being drained' },
  { args: ['cluster', 'drain'], status: 2, text: 'node' },
])('$args is refused with what is wrong', async ({ args, status, text }) => {
  const result = await gofer(await world.leader(), args);
  expect(result).toMatchObject({ status, stderr: expect.stringContaining(text) as string });
});

test('transfer to the node that leads already is a conflict', async () => {
  const leader = await world.leader();
  const result = await gofer(leader, ['cluster', 'transfer', leader.name]);
  expect(result).toMatchObject({ status: 5, stderr: expect.stringContaining('leads already') as string });
});

test('drain: the leader hands over and is not ready, serves on, stays drained over a restart, and comes back', async () => {
  const leader = await world.leader();
  const other = await aFollower();
  const drained = await gofer(other, ['cluster', 'drain', leader.name]);
  expect(drained).toMatchObject({ status: 0, stdout: expect.stringContaining(`${leader.name} is drained`) as string });
  expect((await world.leader()).name).not.toBe(leader.name);
  const readiness = await fetch(`${leader.url}/readyz`);
  expect({ status: readiness.status, body: await readiness.json() }).toEqual({
    status: 503,
    body: { ready: false, reasons: ['An operator drains this node.'] },
  });
  expect(await api(leader, 'GET', '/api/namespaces')).toMatchObject({ status: 200 });
  await leader.stop();
  await leader.start();
  await eventually(async () => expect((await fetch(`${leader.url}/readyz`)).status).toBe(503));
  const { stdout } = await gofer(other, ['cluster', 'status']);
  expect(stdout).toMatch(new RegExp(`\\| ${leader.name} +\\| drained`));
  expect(await gofer(other, ['cluster', 'drain', leader.name, '--undo'])).toMatchObject({ status: 0 });
  await untilReady(leader);
}, 60_000);

test('drain: the last node that serves is not drained', async () => {
  const [first, second, third] = world.nodes.map(({ name }) => name);
  const node = await world.leader();
  for (const name of [first, second])
    expect(await gofer(node, ['cluster', 'drain', name ?? ''])).toMatchObject({ status: 0 });
  const refused = await gofer(node, ['cluster', 'drain', third ?? '']);
  expect(refused).toMatchObject({ status: 5, stderr: expect.stringContaining('the only node that serves') as string });
  for (const name of [first, second]) await gofer(node, ['cluster', 'drain', name ?? '', '--undo']);
  await Promise.all(world.nodes.map(untilReady));
}, 60_000);

test('stop: /readyz says 503 first, all requests are served until clients are gone, each answer closes its connection', async () => {
  const node = await aFollower();
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const seen: { readonly ready: boolean; readonly status: number; readonly connection: string | undefined }[] = [];
  const stopped = node.stop();
  // A balancer that notices after half of the time sends nothing more.
  const until = performance.now() + (DRAIN_SECONDS * 1_000) / 2;
  while (performance.now() < until) {
    const readiness = await get(`${node.url}/readyz`, agent);
    const answer = await get(`${node.url}/api/namespaces`, agent);
    seen.push({ ready: readiness.status === 200, ...answer });
  }
  agent.destroy();
  expect(await stopped).toBe(0);
  expect(seen.filter(({ status }) => status !== 200)).toEqual([]);
  expect(seen.at(-1)).toEqual({ ready: false, status: 200, connection: 'close' });
  await node.start();
  await untilReady(node);
}, 60_000);

interface Got {
  readonly status: number;
  readonly connection: string | undefined;
}

function get(url: string, agent: Agent): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, headers: { 'gofer-api-version': 'v0' } }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('clocks apart: every node that hears of it says so, and the cluster works on', async () => {
  const library = faketimeLibrary();
  if (library === null) throw new Error('libfaketime is missing: apt-get install faketime');
  const node = await aFollower();
  await node.kill();
  await node.start({ LD_PRELOAD: library, FAKETIME: '-30s', FAKETIME_DONT_FAKE_MONOTONIC: '1' });
  const other = await world.leader();
  await eventually(async () => {
    const { members } = await other.client.getCluster();
    const told = members.find(({ name }) => name === other.name)?.health.problems ?? [];
    expect(told.join(' ')).toMatch(new RegExp(`The clock of ${node.name} is .* behind the clock of this node`));
  }, 20_000);
  expect((await gofer(other, ['cluster', 'status'])).stdout).toContain(`The clock of ${node.name}`);
  expect((await clusterStatus([other])).members).toHaveLength(3);
  await node.kill();
  await node.start();
  await untilReady(node);
}, 60_000);
