// Three real nodes on three etcd members of this machine: from the POST on any node to the engine and to the first instruction of a
// body, what they sustain together, and what memory they take. The clients are processes of their own.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../../sdk/client/client.ts';
import { parseAttemptId } from '../../store/model/ids.ts';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { buildChanged } from '../e2e/changed-build.ts';
import type { SourceChange } from '../e2e/changed-build.ts';
import { startCluster } from '../e2e/cluster-world.ts';
import type { ClusterWorld } from '../e2e/cluster-world.ts';
import { ROOT } from '../e2e/real-server.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { BenchRow } from './bench-row.ts';
import { TOLD_FILE } from './instant-node.ts';
import { quantiles } from './quantiles.ts';
import { IDLE_MS, WARM_UP, completions, deploy, load } from './server.bench.ts';
import type { Sent } from './server.bench.ts';

/** Linux counts processor time in hundredths of a second. */
const MS_PER_TICK = 10;
const OF_NAMESPACE = { namespaceId: 'default' };
const LOG_SHOWN = 4_000;
/** Of each node. */
const CLIENTS = 24;
const KEEP = { GOFER_WEB_API__TASK_EXECUTION_LOG_RETENTION: '100000' };

/** The nodes of this bench have no bodies: what is measured is the control plane. */
const INSTANT: readonly SourceChange[] = [
  {
    file: 'cmd/server/open-engine.ts',
    from: 'return { engine: await openProcessEngine({ dataDir: paths.attempts, log, now, hostEnv: environment }), why };',
    to: 'return { engine: openInstantNode(), why };',
  },
  {
    file: 'cmd/server/open-engine.ts',
    from: "import { openProcessEngine } from '../../scheduler/engines/process/process-engine.ts';",
    to: `import { openInstantNode } from '${path.join(ROOT, 'test/bench/instant-node.ts')}';`,
  },
];

export async function clusterBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  return [...(await instant(smoke)), ...(await processes(smoke))];
}

async function instant(smoke: boolean): Promise<BenchRow[]> {
  const [single, sustained] = smoke ? [20, 300] : [300, 6_000];
  await using directory = await temporaryDirectory();
  const launcher = await buildChanged(path.join(directory.path, 'build'), INSTANT);
  const told = path.join(directory.path, 'told');
  await using world = await startCluster({ launcher, environment: { ...KEEP, [TOLD_FILE]: told } });
  const [client] = world.nodes.map((node) => node.client);
  if (client === undefined) throw new Error('a cluster has nodes');
  await deploy(client, 'single', ['true']);
  await deploy(client, 'many', ['true']);
  const raw = await rawCommits(world, single);
  const sent = await oneByOne(world, client, { pipelineId: 'single', count: single });
  const toldAt = await submissions(told);
  const rate = await together(world, client, { pipelineId: 'many', count: sustained });
  return [
    {
      name: 'POST run on any node -> engine told, idle',
      figure: quantiles(sent.map(([runId, at]) => (toldAt.get(`single/${runId}`) ?? Number.NaN) - at)),
      ...{ budget: 'p50 <= 4 ms, p99 <= 20 ms', raw },
    },
    {
      name: 'POST run on any node -> answered, idle',
      ...{ figure: quantiles(sent.map(([, at, answered]) => answered - at)), raw },
    },
    {
      name: `runs over HTTP, instant engine, ${CLIENTS} clients on each node`,
      ...{ figure: rate.figure, budget: '>= 1,000/s' },
    },
    { name: 'a run of those', figure: rate.transactions, budget: '< 1 transaction of etcd' },
    { name: 'memory (RSS) of the nodes, highest', figure: await memory(world), budget: '< 200 MiB' },
  ];
}

async function processes(smoke: boolean): Promise<BenchRow[]> {
  const [single, sustained] = smoke ? [10, 100] : [150, 3_000];
  await using world = await startCluster({ environment: KEEP });
  const [client] = world.nodes.map((node) => node.client);
  if (client === undefined) throw new Error('a cluster has nodes');
  await deploy(client, 'date-task', ['date', '+%s%N']);
  await deploy(client, 'true-task', ['true']);
  const sent = await oneByOne(world, client, { pipelineId: 'date-task', count: single });
  const begun: number[] = [];
  for (const [runId, at] of sent) {
    const place = { ...OF_NAMESPACE, pipelineId: 'date-task', runId, taskId: 'only' };
    for await (const line of client.getLogs(place)) begun.push(Number(line) / 1e6 - at);
  }
  const rate = await together(world, client, { pipelineId: 'true-task', count: sustained });
  return [
    {
      name: 'POST run on any node -> first instruction of its body (date), idle',
      ...{ figure: quantiles(begun), budget: 'p50 <= 7 ms' },
    },
    {
      name: `runs of one real process (true), ${CLIENTS} clients on each node`,
      ...{ figure: rate.figure, budget: '>= 250/s' },
    },
    { name: 'memory (RSS) of the nodes, highest', figure: await memory(world), budget: '< 200 MiB' },
  ];
}

interface Work {
  readonly pipelineId: string;
  readonly count: number;
}

/** Through each node in turn, one run after the other; the first ones are not counted. */
async function oneByOne(
  { nodes }: ClusterWorld,
  client: Client,
  { pipelineId, count }: Work,
): Promise<readonly Sent[]> {
  const each = Math.ceil(count / nodes.length) + WARM_UP;
  const done = completions(client, pipelineId, each * nodes.length);
  const sent: Sent[] = [];
  for (const { url } of nodes) {
    sent.push(...(await load(url, { pipelineId, count: each, atOnce: 1, pauseMs: IDLE_MS })).slice(WARM_UP));
  }
  await done;
  return sent;
}

/** What a bench cannot go on with may be told in the nodes' logs only. */
function tellLogs({ nodes }: ClusterWorld): void {
  for (const node of nodes) process.stderr.write(`-- ${node.name}\n${node.server().log().slice(-LOG_SHOWN)}\n`);
}

/** Through all nodes at once, until all have completed. */
async function together(world: ClusterWorld, client: Client, { pipelineId, count }: Work) {
  const { nodes, etcd } = world;
  const state = createEtcdStore({ endpoints: etcd.endpoints, prefix: 'gofer/' });
  try {
    const share = Math.ceil(count / nodes.length);
    const total = share * nodes.length;
    const done = completions(client, pipelineId, total);
    const { revision: before } = await state.range({ start: 'none', end: 'none0' });
    const pids = { nodes: nodes.map((node) => node.server().pid), etcd: etcd.members.map(({ pid }) => pid) };
    const usedBefore = await processorMs(pids);
    const loads = nodes.map(({ url }) => load(url, { pipelineId, count: share, atOnce: CLIENTS }));
    const sent = await Promise.all(loads);
    await done;
    const begun = Math.min(...sent.flat().map(([, at]) => at));
    const seconds = (performance.timeOrigin + performance.now() - begun) / 1_000;
    const { revision: after } = await state.range({ start: 'none', end: 'none0' });
    const used = await processorMs(pids);
    const each = (now: number, then: number) => ((now - then) / total).toFixed(2);
    return {
      figure: `${Math.round(total / seconds)}/s (processor: nodes ${each(used.nodes, usedBefore.nodes)} ms a run, etcd ${each(used.etcd, usedBefore.etcd)} ms)`,
      transactions: `${((after - before) / total).toFixed(2)} transactions that wrote, those of all nodes`,
    };
  } catch (error) {
    tellLogs(world);
    throw error;
  } finally {
    await state.close();
  }
}

async function submissions(file: string): Promise<ReadonlyMap<string, number>> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [id = '', at = ''] = line.split(' ');
      const place = parseAttemptId(id);
      return [`${place?.pipelineId}/${place?.runId}`, Number(at)];
    }),
  );
}

/** As far apart as the runs that are measured beside it. */
async function rawCommits({ etcd }: ClusterWorld, count: number): Promise<string> {
  const state = createEtcdStore({ endpoints: etcd.endpoints, prefix: 'raw/' });
  const times: number[] = [];
  try {
    for (let turn = 0; turn < count; turn += 1) {
      const from = performance.now();
      await state.commit({ compares: [], writes: [{ op: 'put', key: 'raw', value: String(turn) }] });
      times.push(performance.now() - from);
      await pause(IDLE_MS);
    }
  } finally {
    await state.close();
  }
  return `one put ${quantiles(times)}`;
}

interface Pids {
  readonly nodes: readonly number[];
  readonly etcd: readonly number[];
}

/** User and system time of all of them, so far. */
async function processorMs({ nodes, etcd }: Pids): Promise<{ readonly nodes: number; readonly etcd: number }> {
  const sum = async (pids: readonly number[]) => {
    const each = await Promise.all(
      pids.map(async (pid) => {
        const fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1]?.split(' ') ?? [];
        return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
      }),
    );
    return each.reduce((total, ms) => total + ms, 0);
  };
  return { nodes: await sum(nodes), etcd: await sum(etcd) };
}

async function memory({ nodes }: ClusterWorld): Promise<string> {
  const each = await Promise.all(
    nodes.map(async (node) => {
      const status = await readFile(`/proc/${node.server().pid}/status`, 'utf8');
      return Math.round(Number(/VmHWM:\s+([0-9]+)/.exec(status)?.[1]) / 1_024);
    }),
  );
  return `${each.sort((left, right) => right - left).join(', ')} MiB`;
}
