// Three nodes as one: what one of them has acknowledged all of them know, and each of them can do everything.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { aPipeline, aRun, startCluster, untilEnded } from './cluster-world.ts';
import type { ClusterWorld, WorldNode } from './cluster-world.ts';
import { api, gofer, readLog } from './real-server.ts';

const NAMESPACE = 'default';

let world: ClusterWorld;
let leader: WorldNode;
let one: WorldNode;
let other: WorldNode;

beforeAll(async () => {
  world = await startCluster();
  leader = await world.leader();
  const [first, second] = await world.followers();
  if (first === undefined || second === undefined) throw new Error('three nodes have two followers');
  [one, other] = [first, second];
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

test('read your writes: what one node answered with 201, the next ones have at once', async () => {
  for (let index = 0; index < 30; index += 1) {
    const writer = world.nodes[index % 3] ?? leader;
    const reader = world.nodes[(index + 1) % 3] ?? leader;
    const id = `team-${index}`;
    await writer.client.createNamespace({ id, name: id, description: '' });
    const { namespace } = await reader.client.getNamespace({ namespaceId: id });
    expect(namespace.id).toBe(id);
  }
});

test('a run that is started through a follower runs, and is seen whole through every node', async () => {
  await aPipeline(one, 'hello', { first: { script: 'echo one' }, second: { script: 'echo two', after: ['first'] } });
  const run = await aRun(other, 'hello');
  expect(await untilEnded(one, 'hello', run)).toBe('successful');
  for (const node of world.nodes) {
    const { run: seen } = await node.client.getRun({ namespaceId: NAMESPACE, pipelineId: 'hello', runId: run });
    expect(seen).toMatchObject({ state: 'complete', status: 'successful' });
    const place = `${node.url}/api/namespaces/default/pipelines/hello/runs/${run}/tasks`;
    expect(await readLog(`${place}/first/logs`)).toBe('one\n');
    expect(await readLog(`${place}/second/logs`)).toBe('two\n');
  }
});

test('Idempotency-Key: a storm of the same request through all nodes starts one run', async () => {
  const witness = path.join(world.directory, 'storm');
  await aPipeline(leader, 'storm', { only: { script: `echo body >> ${witness}` } });
  const request = { namespaceId: NAMESPACE, pipelineId: 'storm', variables: {}, idempotencyKey: 'once' };
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, index) => (world.nodes[index % 3] ?? leader).client.startRun(request)),
  );
  expect(new Set(answers.map(({ run }) => run.run_id))).toEqual(new Set([1]));
  expect(await untilEnded(one, 'storm', 1)).toBe('successful');
  const { runs } = await other.client.listRuns({ namespaceId: NAMESPACE, pipelineId: 'storm' });
  expect(runs).toHaveLength(1);
  expect(await readFile(witness, 'utf8')).toBe('body\n');
});

test('the same key with another request is refused by any node', async () => {
  await aPipeline(leader, 'keyed', { only: { script: 'true' } });
  const request = { namespaceId: NAMESPACE, pipelineId: 'keyed', idempotencyKey: 'one-key' };
  await one.client.startRun({ ...request, variables: { A: '1' } });
  await expect(other.client.startRun({ ...request, variables: { A: '2' } })).rejects.toMatchObject({ status: 409 });
});

test('events: every node shows the same ones, in the same order, also while all of them write', async () => {
  await Promise.all(
    Array.from({ length: 60 }, (_, index) => {
      const id = `wave-${index}`;
      return (world.nodes[index % 3] ?? leader).client.createNamespace({ id, name: id, description: '' });
    }),
  );
  const seen = await eventually(async () => {
    const all = await Promise.all(world.nodes.map(eventIds));
    expect(all[0]?.length).toBeGreaterThanOrEqual(60);
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    return all;
  });
  expect(new Set(seen[0]).size).toBe(seen[0]?.length);
});

async function eventIds(node: WorldNode): Promise<readonly string[]> {
  const listed = await gofer(node, ['event', 'list', '--no-follow', '--json', '--limit', '5000']);
  const lines = listed.stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { readonly id: string }).id);
}

test('a run is cancelled through another node than it was started through', async () => {
  await aPipeline(one, 'sleepy', { sleep: { script: 'echo asleep; exec sleep 600' } });
  const run = await aRun(one, 'sleepy');
  const place = `/api/namespaces/default/pipelines/sleepy/runs/${run}`;
  await eventually(async () => {
    expect((await api(other, 'GET', `${place}/tasks/sleep`)).body).toMatchObject({
      task_execution: { state: 'running' },
    });
  });
  await other.client.cancelRun({ namespaceId: NAMESPACE, pipelineId: 'sleepy', runId: run, force: false });
  expect(await untilEnded(leader, 'sleepy', run)).toBe('cancelled');
});

test('live logs and a shell in a task are there through every node', async () => {
  const gate = path.join(world.directory, 'gate');
  const script = `echo open; while [ ! -e ${gate} ]; do sleep 0.05; done; echo closed`;
  await aPipeline(leader, 'door', { stay: { script } });
  const run = await aRun(leader, 'door');
  const task = { namespaceId: NAMESPACE, pipelineId: 'door', runId: run, taskId: 'stay' };
  await eventually(async () => {
    expect(await leader.client.getTaskExecution(task)).toMatchObject({ task_execution: { state: 'running' } });
  });
  const place = `/api/namespaces/default/pipelines/door/runs/${run}/tasks/stay/logs`;
  const logs = world.nodes.map((node) => readLog(`${node.url}${place}`));
  for (const node of world.nodes) {
    const session = gofer(node, ['task', 'attach', 'door', String(run), 'stay'], {
      input: 'echo "sum $((40 + 2))"\nexit\n',
    });
    expect(await session).toMatchObject({ status: 0, stdout: expect.stringContaining('sum 42') as string });
  }
  const opened = await gofer(one, ['task', 'attach', 'door', String(run), 'stay'], { input: `touch ${gate}\nexit\n` });
  expect(opened.status).toBe(0);
  expect(await Promise.all(logs)).toEqual(world.nodes.map(() => 'open\nclosed\n'));
});

test('objects and secrets that were written through one node are read through the others', async () => {
  await aPipeline(one, 'keeper', { only: { script: 'printf %s "$TOKEN"' } });
  const key = { namespaceId: NAMESPACE, pipelineId: 'keeper', key: 'thing' };
  const bytes = Buffer.alloc(200_000, 'gofer');
  await one.client.putPipelineObject({ ...key, body: bytes, force: false });
  await other.client.putPipelineSecret({ ...key, content: 'sealed text', force: false });
  for (const node of world.nodes) {
    const object = await node.client.getPipelineObject(key);
    expect(Buffer.concat(await chunksOf(object.body)).equals(bytes)).toBe(true);
    const { secret } = await node.client.getPipelineSecret({ ...key, includeSecret: true });
    expect(secret).toBe('sealed text');
  }
});

async function chunksOf(body: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks;
}

test('a pipeline that is deleted through a follower is gone everywhere, with what it had', async () => {
  await aPipeline(one, 'goner', { only: { script: 'true' } });
  await untilEnded(one, 'goner', await aRun(one, 'goner'));
  const of = { namespaceId: NAMESPACE, pipelineId: 'goner' };
  await other.client.deletePipeline(of);
  for (const node of world.nodes) await expect(node.client.getPipeline(of)).rejects.toMatchObject({ status: 404 });
});
