// The wall clock of the node that leads is set by an hour while a run is under way: nothing ends before its time, nothing waits an hour.

import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clockEnvironment, setClock } from '../../chaos/session/clocks.ts';
import { eventually } from '../eventually.ts';
import { aPipeline, aRun, startCluster, untilEnded, untilReady } from './cluster-world.ts';
import type { ClusterWorld, WorldNode } from './cluster-world.ts';

const HOUR_SECONDS = 3_600;
const ENDED_MS = 60_000;
const PIPELINE = 'by-the-clock';

let world: ClusterWorld;
let node: WorldNode;

/** Sets the clock of one node. */
const set = (seconds: number) => setClock(world.directory, node.name, seconds);

beforeAll(async () => {
  world = await startCluster();
  const [follower] = await world.followers();
  if (follower === undefined) throw new Error('three nodes have two followers');
  node = follower;
  await node.kill();
  await node.start(clockEnvironment(world.directory, node.name));
  await untilReady(node);
  // Fails the first time, and then works for longer than anybody needs to judge a clock.
  const mark = path.join(world.directory, 'tried-$GOFER_RUN_ID');
  const script = `if [ -e "${mark}" ]; then sleep 8; else touch "${mark}"; sleep 3; exit 3; fi`;
  await aPipeline(node, PIPELINE, { work: { script, timeoutSeconds: 40, retries: 1 } });
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

async function itLeads(): Promise<void> {
  set(0);
  if ((await world.leader()).name !== node.name) await node.client.transferLeadership({ to: node.name });
  await eventually(async () => expect((await world.leader()).name).toBe(node.name), 20_000);
}

async function untilTried(runId: number, attempts: number): Promise<void> {
  await eventually(async () => {
    const of = { namespaceId: 'default', pipelineId: PIPELINE, runId };
    const [work] = (await node.client.listTaskExecutions(of)).task_executions;
    expect(work?.attempts).toHaveLength(attempts);
    expect(work?.state).toBe('running');
  }, 20_000);
}

test.each([HOUR_SECONDS, -HOUR_SECONDS])(
  'by %d s while its run is under way',
  async (seconds) => {
    await itLeads();
    const run = await aRun(node, PIPELINE);
    await untilTried(run, 1);
    set(seconds);
    expect(await untilEnded(node, PIPELINE, run, ENDED_MS)).toBe('successful');
    expect((await world.leader()).name).toBe(node.name);
  },
  120_000,
);

test('and then it dies: the next leader waits no hour', async () => {
  await itLeads();
  set(HOUR_SECONDS);
  const run = await aRun(node, PIPELINE);
  await untilTried(run, 1);
  await node.kill();
  const next = await world.leader({ otherThan: node.name });
  expect(await untilEnded(next, PIPELINE, run, ENDED_MS)).toBe('successful');
}, 120_000);
