// The leader dies in the middle of its work: runs the workload, kills the leader with -9, waits for the others to go on, and gathers
// what the story needs.

import path from 'node:path';
import { createClient } from '../../sdk/client/client.ts';
import { watchLeader } from './leader-watch.ts';
import type { LeaderChange, LeaderWatch } from './leader-watch.ts';
import type { LocalCluster } from './local-cluster.ts';
import type { Story } from './story.ts';
import { waitUntil } from './wait-until.ts';
import { atWork, watchWitness } from './witness.ts';
import type { Witness } from './witness.ts';
import { LINES, RUNS, TASKS, registerNightShift, startWorkload, wrongLogs } from './workload.ts';
import type { Workload } from './workload.ts';

/** Then tasks run, others wait, and clients are in the middle of calls. */
const ENDED_BEFORE_KILL = 3;
/** Far more than any step takes; what needs longer has failed. */
const STEP_LIMIT_MS = 60_000;

/** Throws when a step does not come. */
export async function killTheLeader(cluster: LocalCluster): Promise<Story> {
  const [member] = cluster.etcd;
  if (member === undefined) throw new Error('a cluster has an etcd member');
  await using leadership = await watchLeader(member);
  using witness = watchWitness(path.join(cluster.directory, 'witness'));
  const client = createClient({ baseUrl: cluster.url, token: '' });
  await registerNightShift(client, witness.file);
  using workload = startWorkload(cluster.url);
  await step('the first runs end', () => workload.ended.length >= ENDED_BEFORE_KILL && atWork(witness.marks) > 0);

  const killed = await kill(cluster, { leadership, witness, workload });
  const noticedAt = await heard(leadership, killed.at, ({ leader }) => leader?.term !== killed.term);
  const nextAt = await heard(leadership, killed.at, ({ leader }) => leader !== null && leader.term !== killed.term);
  const next = leadership.changes.find(({ at }) => at === nextAt)?.leader ?? null;
  await step('a task starts under the new leader', () => firstBegin(witness, nextAt) !== null);
  await workload.over;
  const endedAt = performance.now();
  const againReadyMs = await startAgain(cluster, killed.node);
  return {
    ...{ runsWanted: RUNS, bodiesWanted: RUNS * TASKS.length, linesOfBody: LINES },
    ...{
      killed,
      runsInFlight: killed.runsInFlight,
      bodiesAtWork: killed.bodiesAtWork,
      noticedAt,
      endedAt,
      againReadyMs,
    },
    next: { node: next?.name ?? '', term: next?.term ?? 0, at: nextAt },
    nextTaskAt: firstBegin(witness, nextAt) ?? endedAt,
    statuses: workload.ended.map(({ status }) => status),
    begun: witness.marks.filter(({ what }) => what === 'begin').map(({ body }) => body),
    wrongLogs: await wrongLogs(client, workload.ended),
    calls: workload.calls,
  };
}

interface Seen {
  readonly leadership: LeaderWatch;
  readonly witness: Witness;
  readonly workload: Workload;
}

async function kill(cluster: LocalCluster, { leadership, witness, workload }: Seen) {
  const reign = leadership.now();
  if (reign === null) throw new Error('no node leads');
  const runsInFlight = workload.inFlight();
  const bodiesAtWork = atWork(witness.marks);
  const at = performance.now();
  await cluster.node(reign.name).kill();
  return { node: reign.name, term: reign.term, at, runsInFlight, bodiesAtWork };
}

async function startAgain(cluster: LocalCluster, name: string): Promise<number> {
  const begin = performance.now();
  await cluster.node(name).start();
  await cluster.node(name).ready();
  return performance.now() - begin;
}

/** When the leader key first was as wanted, after the instant. */
async function heard(
  { changes }: LeaderWatch,
  after: number,
  wanted: (change: LeaderChange) => boolean,
): Promise<number> {
  const find = () => changes.find((change) => change.at >= after && wanted(change)) ?? null;
  return (await waitUntil(find, { limitMs: STEP_LIMIT_MS, what: () => 'no other node became the leader' })).at;
}

function firstBegin({ marks }: Witness, after: number): number | null {
  return marks.find(({ what, at }) => what === 'begin' && at >= after)?.at ?? null;
}

async function step(what: string, done: () => boolean): Promise<void> {
  await waitUntil(() => (done() ? true : null), { limitMs: STEP_LIMIT_MS, what: () => `it never came that ${what}` });
}
