// A rolling upgrade between two real builds that write a record differently: they work together, the newer form comes when all can read
// it, nothing is lost on the way, and the older build stays out afterwards.

import { appendFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keys } from '../../store/keys.ts';
import type { NamespaceId, PipelineId, RunId } from '../../store/model/ids.ts';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import type { StateStore } from '../../store/state/port.ts';
import { eventually } from '../eventually.ts';
import { aPipeline, aRun, startCluster, untilEnded, untilReady } from './cluster-world.ts';
import type { ClusterWorld, WorldNode } from './cluster-world.ts';
import { buildChanged } from './changed-build.ts';
import type { SourceChange } from './changed-build.ts';
import { LAUNCHER, gofer } from './real-server.ts';

const PIPELINE = 'nightly';

/** The version after this one: runs get a priority, which builds of the first format know nothing of and refuse to read. */
const NEXT: readonly SourceChange[] = [
  { file: 'cluster/format.ts', from: '{ min: 1, max: 1 }', to: '{ min: 1, max: 2 }' },
  {
    file: 'store/records/run-records.ts',
    from: "  kind: 'run',\n",
    to: `  kind: 'run',
  changes: [
    { format: 2, up: (older) => ({ ...older, priority: 1 }), down: ({ priority, ...older }) => older },
  ],
`,
  },
  {
    file: 'api/operations/run-starter.ts',
    from: "    state: 'pending',\n  };\n}\n",
    to: "    state: 'pending',\n    priority: 7,\n  };\n}\n",
  },
];

let world: ClusterWorld;
let state: StateStore;
let next: string;
let witness: string;
const runs: number[] = [];

beforeAll(async () => {
  world = await startCluster();
  state = createEtcdStore({ endpoints: world.etcd.endpoints, prefix: 'gofer/' });
  next = await buildChanged(path.join(world.directory, 'next'), NEXT);
  witness = path.join(world.directory, 'witness');
  await appendFile(witness, '');
  const [node] = world.nodes;
  if (node === undefined) throw new Error('a cluster has nodes');
  const script = (seconds: number) => `echo $GOFER_RUN_ID-$GOFER_TASK_ID >> "${witness}"; sleep ${seconds}`;
  await aPipeline(node, PIPELINE, { long: { script: script(2) }, after: { script: script(0.1), after: ['long'] } });
}, 180_000);
afterAll(async () => {
  await state.close();
  await world[Symbol.asyncDispose]();
});

async function started(node: WorldNode): Promise<number> {
  const run = await aRun(node, PIPELINE);
  runs.push(run);
  return run;
}

async function storedRun(runId: number): Promise<unknown> {
  const key = { namespaceId: 'default' as NamespaceId, pipelineId: PIPELINE as PipelineId, runId: runId as RunId };
  const found = await state.get(keys.run(key));
  return JSON.parse(found?.value ?? 'null');
}

/** Stopped as a supervisor would, and started with another build. */
async function replaced(node: WorldNode, launcher: string): Promise<void> {
  expect(await node.stop()).toBe(0);
  await node.start({}, launcher);
  await untilReady(node);
}

async function formatOf(node: WorldNode): Promise<number> {
  return (await node.client.getCluster()).record_format;
}

test('while builds of both kinds are members, each reads what the other writes, and all is written in the older form', async () => {
  const [first, ...others] = world.nodes;
  if (first === undefined) throw new Error('a cluster has nodes');
  await started(first);
  await replaced(first, next);
  expect(await formatOf(first)).toBe(1);
  // Through the newer build and through the older ones; led by an older one and by the newer one.
  for (const node of world.nodes) {
    const run = await started(node);
    for (const reader of world.nodes)
      expect(await reader.client.getRun(at(run))).toMatchObject({ run: { run_id: run } });
    expect(await storedRun(run)).toMatchObject({ v: 1 });
    expect(await storedRun(run)).not.toHaveProperty('priority');
  }
  const transferred = await gofer(first, ['cluster', 'transfer', first.name]);
  // It may lead already: the leader was among those that were stopped.
  expect(transferred.stderr).toMatch(/^$|leads already/);
  for (const node of others) expect(await storedRun(await started(node))).toMatchObject({ v: 1 });
  // Back to where it was: before the newer form is written, an upgrade can be undone.
  await replaced(first, LAUNCHER);
  await started(first);
}, 120_000);

test('when the last node is upgraded, the newer form is written, by each node', async () => {
  for (const node of world.nodes) {
    expect(await formatOf(node)).toBe(1);
    await started(node);
    await replaced(node, next);
  }
  await eventually(async () => {
    for (const node of world.nodes) expect(await formatOf(node)).toBe(2);
  });
  for (const node of world.nodes) {
    await eventually(async () => expect(await storedRun(await started(node))).toMatchObject({ v: 2, priority: 7 }));
  }
}, 120_000);

test('an older build is refused, with what to do', async () => {
  const [node] = await world.followers();
  if (node === undefined) throw new Error('three nodes have two followers');
  expect(await node.stop()).toBe(0);
  // It may answer for a moment before it has read what the cluster writes; it is not ready then.
  await node.start().catch(() => undefined);
  await eventually(() => expect(() => process.kill(node.server().pid, 0)).toThrow('ESRCH'));
  expect(node.server().log()).toContain(
    'This cluster writes its records in form 2, and this build of Gofer knows form 1 only. Start a build at least as new as the newest',
  );
  await node.start({}, next);
  await untilReady(node);
}, 120_000);

test('every run of the whole upgrade ended well, and every body started once', async () => {
  const [node] = world.nodes;
  if (node === undefined) throw new Error('a cluster has nodes');
  for (const run of runs) expect(await untilEnded(node, PIPELINE, run, 60_000)).toBe('successful');
  const lines = (await readFile(witness, 'utf8')).trim().split('\n').toSorted();
  expect(lines).toEqual(runs.flatMap((run) => [`${run}-after`, `${run}-long`]).toSorted());
}, 120_000);

function at(runId: number): { readonly namespaceId: string; readonly pipelineId: string; readonly runId: number } {
  return { namespaceId: 'default', pipelineId: PIPELINE, runId };
}
