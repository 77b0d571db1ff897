// What a cluster is for: the leader dies, freezes or goes, the store is away, and no run is lost and no body starts twice.

import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { aPipeline, aRun, clusterStatus, startCluster, untilEnded, untilReady } from './cluster-world.ts';
import type { Body, ClusterWorld, WorldNode } from './cluster-world.ts';
import { api, readLog } from './real-server.ts';

const NAMESPACE = 'default';
const ENDED_MS = 60_000;

let world: ClusterWorld;

beforeAll(async () => {
  world = await startCluster();
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

async function aFollower(): Promise<WorldNode> {
  const [follower] = await world.followers();
  if (follower === undefined) throw new Error('three nodes have two followers');
  return follower;
}

const LAYERS = [4, 4, 2];

/** A graph in which something starts and ends all the time; each body leaves a line in the file of its run and task first. */
async function aGraph(node: WorldNode, id: string): Promise<string> {
  const witness = path.join(world.directory, `${id}-witness`);
  await mkdir(witness);
  const script = `echo start >> "${witness}/$GOFER_RUN_ID-$GOFER_TASK_ID"; sleep 0.2`;
  const names = LAYERS.map((count, layer) => Array.from({ length: count }, (_, index) => `t${layer}-${index}`));
  const bodies = names.flatMap((layer, index) =>
    layer.map((name): [string, Body] => [name, { script, after: names[index - 1]?.slice(0, 2) ?? [] }]),
  );
  await aPipeline(node, id, Object.fromEntries(bodies));
  return witness;
}

async function startsIn(witness: string): Promise<ReadonlyMap<string, number>> {
  const counted = (await readdir(witness)).map(async (name) => {
    const text = await readFile(path.join(witness, name), 'utf8');
    return [name, text.split('\n').length - 1] as const;
  });
  return new Map(await Promise.all(counted));
}

async function untilSeen(witness: string, count: number): Promise<void> {
  await eventually(async () => expect((await readdir(witness)).length).toBeGreaterThanOrEqual(count), ENDED_MS);
}

/** Every run ended well, and every body started exactly once. */
async function expectAllOnce(node: WorldNode, id: string, runs: readonly number[]): Promise<void> {
  for (const run of runs) expect(await untilEnded(node, id, run, ENDED_MS)).toBe('successful');
  const starts = await startsIn(path.join(world.directory, `${id}-witness`));
  expect([...starts].filter(([, count]) => count !== 1)).toEqual([]);
  expect(starts.size).toBe(runs.length * LAYERS.reduce((sum, count) => sum + count, 0));
}

async function someRuns(node: WorldNode, id: string): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: 4 }, () => aRun(node, id)));
}

test('kill -9 of the leader in the middle of runs, three times: none is lost, no body starts twice', async () => {
  const witness = await aGraph(await world.leader(), 'killed');
  const runs: number[] = [];
  for (let round = 1; round <= 3; round += 1) {
    const leader = await world.leader();
    runs.push(...(await someRuns(await aFollower(), 'killed')));
    await untilSeen(witness, (round - 1) * 40 + 3 * round);
    await leader.kill();
    await world.leader({ otherThan: leader.name });
    await leader.start();
  }
  await expectAllOnce(await world.leader(), 'killed', runs);
}, 180_000);

test('a frozen leader is deposed while its runs go on, and does no harm when it wakes up', async () => {
  const witness = await aGraph(await world.leader(), 'frozen');
  const leader = await world.leader();
  const others = await world.followers();
  const runs = [...(await someRuns(await aFollower(), 'frozen'))];
  await untilSeen(witness, 3);
  leader.freeze();
  try {
    const next = await eventually(async () => {
      const { leader: now } = await clusterStatus(others);
      const found = others.find(({ name }) => name === now?.name);
      if (found === undefined) throw new Error(`the leader is ${now?.name ?? 'nobody'}`);
      return found;
    }, 30_000);
    runs.push(await aRun(next, 'frozen'));
    for (const run of runs) expect(await untilEnded(next, 'frozen', run, ENDED_MS)).toBe('successful');
  } finally {
    leader.thaw();
  }
  await untilReady(leader);
  await expectAllOnce(leader, 'frozen', runs);
  expect((await clusterStatus([leader])).members.filter((member) => member.leader)).toHaveLength(1);
}, 180_000);

test('streams through a follower do not notice that the leader dies', async () => {
  const gate = path.join(world.directory, 'stream-gate');
  const script = `echo before; while [ ! -e ${gate} ]; do sleep 0.05; done; echo after`;
  const leader = await world.leader();
  const follower = await aFollower();
  await aPipeline(follower, 'streamed', { talk: { script } });
  const run = await aRun(follower, 'streamed');
  const place = `/api/namespaces/default/pipelines/streamed/runs/${run}`;
  await eventually(async () => {
    expect((await api(follower, 'GET', `${place}/tasks/talk`)).body).toMatchObject({
      task_execution: { state: 'running' },
    });
  });
  const stop = new AbortController();
  const kinds: string[] = [];
  const listening = (async () => {
    for await (const event of follower.client.streamEvents({
      signal: stop.signal,
      pipelineId: 'streamed',
      namespaceId: NAMESPACE,
    })) {
      kinds.push(...Object.keys(event.kind));
      if (kinds.includes('completed_run')) return;
    }
  })();
  const log = readLog(`${follower.url}${place}/tasks/talk/logs`);
  await leader.kill();
  const next = await world.leader({ otherThan: leader.name });
  const { body } = await api(next, 'POST', `/api/namespaces`, { id: 'gate', name: 'gate', description: '' });
  expect(body).toMatchObject({ namespace: { id: 'gate' } });
  await writeFile(gate, '');
  expect(await log).toBe('before\nafter\n');
  await listening;
  stop.abort();
  expect(kinds.filter((kind) => kind === 'completed_run')).toHaveLength(1);
  await leader.start();
  await untilReady(leader);
}, 120_000);

test('a graceful stop hands over at once, with runs under way, and bodies go on', async () => {
  const witness = await aGraph(await world.leader(), 'stopped');
  const leader = await world.leader();
  const follower = await aFollower();
  const runs = await someRuns(follower, 'stopped');
  await untilSeen(witness, 2);
  const before = await clusterStatus([follower]);
  const stopped = leader.stop();
  const next = await world.leader({ otherThan: leader.name });
  expect(await stopped).toBe(0);
  // The lease would have lasted for seconds: the key of the leader was given back.
  const after = await clusterStatus([next]);
  expect(after.leader?.term).toBeGreaterThan(before.leader?.term ?? 0);
  await expectAllOnce(next, 'stopped', runs);
  await leader.start();
  await untilReady(leader);
}, 120_000);

test('etcd away: the API answers 503 with Retry-After and no node is ready; everything comes back by itself', async () => {
  await aPipeline(await world.leader(), 'patient', { only: { script: 'true' } });
  for (const member of world.etcd.members) member.pause();
  for (const node of world.nodes) {
    await eventually(async () => {
      const answer = await fetch(`${node.url}/readyz`);
      expect({ status: answer.status, body: await answer.text() }).toEqual({
        status: 503,
        body: expect.stringContaining('state store has not answered') as string,
      });
    }, 30_000);
  }
  const [node = await aFollower()] = world.nodes;
  const answer = await fetch(`${node.url}/api/namespaces`, { headers: { 'gofer-api-version': 'v0' } });
  expect({ status: answer.status, retry: answer.headers.get('retry-after') }).toEqual({ status: 503, retry: '1' });
  expect((await fetch(`${node.url}/livez`)).status).toBe(200);
  for (const member of world.etcd.members) member.resume();
  await Promise.all(world.nodes.map(untilReady));
  await world.leader();
  const run = await aRun(node, 'patient');
  expect(await untilEnded(node, 'patient', run, ENDED_MS)).toBe('successful');
}, 120_000);
