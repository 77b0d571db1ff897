// The leader's loop on the durable store, with an engine that ends every body at once: what scheduling itself costs.

import { createSchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { keys } from '../../store/keys.ts';
import type { PipelineConfig } from '../../store/model/config.ts';
import type { PipelineId, RunId } from '../../store/model/ids.ts';
import { configRecord } from '../../store/records/pipeline-records.ts';
import { openRunRecord, runRecord } from '../../store/records/run-records.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import type { StateStore } from '../../store/state/port.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { leadAlone } from '../unit/cluster/lead-alone.ts';
import type { LoneLeader } from '../unit/cluster/lead-alone.ts';
import { createScriptedEngine } from '../unit/scheduler/loop/scripted-engine.ts';
import type { ScriptedEngine } from '../unit/scheduler/loop/scripted-engine.ts';
import { PLAN_SETTINGS, aConfig, aPendingRun, aTask } from '../unit/worlds.ts';
import type { BenchRow } from './bench-row.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const SUCCESS = { kind: 'exited', code: 0 } as const;

/** Clients that each wait for their run to be accepted before they ask for the next. */
const CLIENTS = 200;

interface Stage {
  readonly state: StateStore;
  readonly engine: ScriptedEngine;
  readonly leader: LoneLeader;
}

export async function loopBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  await using directory = await temporaryDirectory();
  const state = await openLmdbStore({ directory: directory.path });
  const engine = createScriptedEngine(Date.now);
  engine.autoEnd = () => SUCCESS;
  const duty = createSchedulingDuty({
    state,
    engine,
    resolver: { resolve: async () => ({ ok: true, env: {} }) },
    settings: {
      ...PLAN_SETTINGS,
      engineKeepsLogs: false,
      globalRunLimit: 5_000,
      pipelineRunLimit: 5_000,
      apiBaseUrl: '',
      relistMs: 60_000,
    },
    now: Date.now,
    log: SILENT,
  });
  const leader = leadAlone(state, [duty]);
  await leader.elected;
  const stage: Stage = { state, engine, leader };
  try {
    return [
      ...(await sustained(stage, smoke ? 2_000 : 30_000)),
      ...(await latency(stage, smoke ? 100 : 1_000)),
      ...(await shapes(stage, smoke)),
    ];
  } finally {
    await leader.stop();
    await state.close();
  }
}

async function register(state: StateStore, config: PipelineConfig): Promise<void> {
  await state.commit({
    compares: [],
    writes: [{ op: 'put', key: keys.config(config, 1), value: configRecord.encode(config) }],
  });
}

async function startRun(state: StateStore, pipelineId: string, runId: number): Promise<void> {
  const run = aPendingRun({ pipelineId: pipelineId as PipelineId, runId: runId as RunId });
  await state.commit({
    compares: [{ target: 'create', key: keys.run(run), equals: 0 }],
    writes: [
      { op: 'put', key: keys.run(run), value: runRecord.encode(run) },
      { op: 'put', key: keys.openRun(run), value: openRunRecord.encode(run) },
    ],
  });
}

/** Resolves once `count` runs have left the open list. */
async function ends(state: StateStore, count: number): Promise<() => Promise<void>> {
  const stop = new AbortController();
  const watch = await state.watch(keys.openRuns(), { signal: stop.signal });
  const counted = (async () => {
    let seen = 0;
    for await (const batch of watch) {
      seen += batch.events.filter((event) => event.type === 'delete').length;
      if (seen >= count) return;
    }
  })();
  return async () => {
    await counted;
    stop.abort();
  };
}

async function sustained({ state }: Stage, count: number): Promise<BenchRow[]> {
  await register(state, aConfig([aTask('a')], { pipelineId: 'sustained' as PipelineId }));
  const done = await ends(state, count);
  let next = 0;
  const cpu = process.cpuUsage();
  const from = performance.now();
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (next < count) {
        next += 1;
        await startRun(state, 'sustained', next);
      }
    }),
  );
  await done();
  const ms = performance.now() - from;
  const used = process.cpuUsage(cpu);
  const each = (used.user + used.system) / 1_000 / count;
  return [
    {
      name: 'single-task runs per second, loop and store alone',
      figure: `${Math.round((count / ms) * 1_000)}/s (${each.toFixed(3)} ms of processor time each)`,
      budget: '>= 2,500/s',
    },
  ];
}

async function latency({ state, engine }: Stage, count: number): Promise<BenchRow[]> {
  await register(state, aConfig([aTask('a')], { pipelineId: 'latency' as PipelineId }));
  const times: number[] = [];
  for (let runId = 1; runId <= count; runId += 1) {
    const done = await ends(state, 1);
    let told = 0;
    engine.autoEnd = () => {
      told = performance.now();
      return SUCCESS;
    };
    const from = performance.now();
    await startRun(state, 'latency', runId);
    await done();
    times.push(told - from);
  }
  engine.autoEnd = () => SUCCESS;
  times.sort((left, right) => left - right);
  const at = (part: number) => (times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0).toFixed(2);
  return [
    {
      name: 'start asked -> engine told, idle, loop and store alone',
      figure: `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
      budget: 'p50 <= 2 ms, p99 <= 10 ms',
    },
  ];
}

/** Ten times the work should take about ten times as long: a chain one task at a time, a fan-out all at once. */
async function shapes(stage: Stage, smoke: boolean): Promise<BenchRow[]> {
  const chain = (length: number) =>
    Array.from({ length }, (_, index) =>
      aTask(`t${index}`, index === 0 ? {} : { after: { [`t${index - 1}`]: 'success' } }),
    );
  const fan = (width: number) => {
    const wide = Array.from({ length: width }, (_, index) => aTask(`t${index}`));
    return [...wide, aTask('last', { after: Object.fromEntries(wide.map(({ id }) => [id, 'success' as const])) })];
  };
  const [long, broad] = smoke ? [100, 500] : [1_000, 5_000];
  const rows: BenchRow[] = [];
  for (const [name, shape, size] of [
    ['chain', chain, long],
    ['fan-out', fan, broad],
  ] as const) {
    const small = await timeOf(stage, `${name}-small`, shape(size / 10));
    const large = await timeOf(stage, `${name}-large`, shape(size));
    const step = name === 'chain' ? `, ${(large / size).toFixed(2)} ms a step` : '';
    rows.push({
      name: `${name} of ${size} tasks`,
      figure: `${large.toFixed(0)} ms${step}; a tenth of it ${small.toFixed(0)} ms: ratio ${(large / small).toFixed(1)}`,
      budget: name === 'chain' ? 'ratio about 10, <= 3 ms a step' : 'ratio about 10',
    });
  }
  return rows;
}

async function timeOf({ state }: Stage, pipeline: string, tasks: PipelineConfig['tasks']): Promise<number> {
  const pipelineId = pipeline as PipelineId;
  await register(state, aConfig(tasks, { pipelineId }));
  const done = await ends(state, 1);
  const from = performance.now();
  await startRun(state, pipelineId, 1);
  await done();
  return performance.now() - from;
}
