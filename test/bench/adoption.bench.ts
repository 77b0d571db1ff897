// Take-over: a node becomes the leader while 10,000 runs are unfinished, on the embedded store and on three etcd members. Until the
// engine has been asked about every one of them, and until a run that is asked for in that moment is started.

import type { EventId, NamespaceId, PipelineId, RunId, RunKey } from '../../store/model/ids.ts';
import { attemptId } from '../../store/model/ids.ts';
import type { RunningTask } from '../../store/model/run.ts';
import { keys } from '../../store/keys.ts';
import { openRunRecord, runRecord, taskRecord } from '../../store/records/run-records.ts';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import type { StateStore, Write } from '../../store/state/port.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { leadAlone } from '../unit/cluster/lead-alone.ts';
import { createScriptedEngine } from '../unit/scheduler/loop/scripted-engine.ts';
import { NOON, aConfig, aPendingRun, aRunningRun, aTask } from '../unit/worlds.ts';
import type { BenchRow } from './bench-row.ts';
import { register, schedulingDuty, startRun } from './loop-stage.ts';

/** Runs are spread over some pipelines, and between them lie runs that have ended. */
const PIPELINES = 20;
const ENDED_BETWEEN = 3;
/** Writes of one transaction, below what etcd takes. */
const WRITES = 120;

export async function adoptionBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  const runs = smoke ? 500 : 10_000;
  return [...(await embedded(runs)), ...(await onEtcd(runs))];
}

async function embedded(runs: number): Promise<BenchRow[]> {
  await using directory = await temporaryDirectory();
  const state = await openLmdbStore({ directory: directory.path });
  try {
    return await takeOver(state, { runs, where: 'embedded' });
  } finally {
    await state.close();
  }
}

async function onEtcd(runs: number): Promise<BenchRow[]> {
  await using cluster = await startEtcd(3);
  const state = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'bench/' });
  try {
    return await takeOver(state, { runs, where: 'etcd' });
  } finally {
    await state.close();
  }
}

async function takeOver(
  state: StateStore,
  { runs, where }: { readonly runs: number; readonly where: string },
): Promise<BenchRow[]> {
  const engine = createScriptedEngine(Date.now);
  const unfinished = await prepare(state, runs);
  const submit = (run: RunKey) =>
    engine.submit(
      {
        ...{ id: idOf(run), image: '', entrypoint: null, command: null, env: {}, registryAuth: null, pull: 'missing' },
      } as never,
      { signal: new AbortController().signal },
    );
  for (const run of unfinished) await submit(run);
  engine.specs.clear();
  const looked = new Set<string>();
  let markLooked: () => void = () => undefined;
  const allLooked = new Promise<void>((resolve) => (markLooked = resolve));
  const { lookup } = engine;
  engine.lookup = async (ids) => {
    for (const id of ids) looked.add(id);
    if (looked.size >= unfinished.length) markLooked();
    return lookup(ids);
  };
  let markTold: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (markTold = resolve));
  engine.autoEnd = () => (markTold(), { kind: 'exited', code: 0 });
  const counted = countCalls(state);
  const cpu = process.cpuUsage();
  const from = performance.now();
  const leader = leadAlone(state, [schedulingDuty(state, engine)]);
  await startRun(state, 'adopted-0', 1_000_000);
  await told;
  const toldMs = performance.now() - from;
  await allLooked;
  const ms = performance.now() - from;
  const used = process.cpuUsage(cpu);
  await leader.stop();
  const cost = `${((used.user + used.system) / 1_000).toFixed(0)} ms of processor time, ${counted()} reads`;
  return [
    {
      name: `take-over of ${runs} running runs, ${where}: all asked about`,
      figure: `${ms.toFixed(0)} ms (${cost})`,
      budget: '< 3,000 ms',
    },
    { name: `the same: a new run is started`, figure: `${toldMs.toFixed(0)} ms`, budget: '< 3,000 ms' },
  ];
}

/** Running runs of one running task each, as a leader that died has left them. */
async function prepare(state: StateStore, runs: number): Promise<readonly RunKey[]> {
  const unfinished: RunKey[] = [];
  let writes: Write[] = [];
  const flush = async () => {
    await state.commit({ compares: [], writes });
    writes = [];
  };
  for (let pipeline = 0; pipeline < PIPELINES; pipeline += 1) {
    const pipelineId = `adopted-${pipeline}` as PipelineId;
    await register(state, aConfig([aTask('a')], { pipelineId }));
    for (let n = 0; n < (runs * (ENDED_BETWEEN + 1)) / PIPELINES; n += 1) {
      const run = aRunningRun({ pipelineId, runId: (n + 1) as RunId, eventId: '1' as EventId });
      const isOpen = n % (ENDED_BETWEEN + 1) === 0;
      if (isOpen) unfinished.push(run);
      writes.push(...recordsOf(run, isOpen));
      if (writes.length >= WRITES - 3) await flush();
    }
  }
  await flush();
  return unfinished;
}

function recordsOf(run: ReturnType<typeof aRunningRun>, isOpen: boolean): readonly Write[] {
  const { namespaceId, pipelineId, runId } = run;
  const key = { namespaceId, pipelineId, runId, taskId: aTask('a').id };
  const task: RunningTask = {
    ...{ ...key, state: 'running', created: NOON, past: [] },
    ...{ attempt: 1, intentAt: NOON, startedAt: NOON, deadline: 0, stop: null },
  };
  const ended = { ...run, state: 'complete', ended: NOON, status: 'successful', statusReason: null } as const;
  const records: Write[] = [
    { op: 'put', key: keys.run(run), value: runRecord.encode(isOpen ? run : ended) },
    { op: 'put', key: keys.task(key), value: taskRecord.encode(task) },
  ];
  const pending = aPendingRun({ pipelineId, runId });
  return isOpen ? [...records, { op: 'put', key: keys.openRun(run), value: openRunRecord.encode(pending) }] : records;
}

function idOf({ namespaceId, pipelineId, runId }: RunKey & { readonly namespaceId: NamespaceId }) {
  return attemptId({ namespaceId, pipelineId, runId, taskId: aTask('a').id }, 1);
}

function countCalls(state: StateStore): () => number {
  const { get, range } = state;
  let calls = 0;
  state.get = (key) => ((calls += 1), get.call(state, key));
  state.range = (...asked) => ((calls += 1), range.apply(state, asked));
  return () => calls;
}
