// A leader's loop on any store, with an engine that ends every body at once, and the load that is put on it.

import type { LeaderDuty } from '../../cluster/leadership.ts';
import { createSchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { keys } from '../../store/keys.ts';
import type { PipelineConfig } from '../../store/model/config.ts';
import type { PipelineId, RunId } from '../../store/model/ids.ts';
import { configRecord } from '../../store/records/pipeline-records.ts';
import { openRunRecord, runRecord } from '../../store/records/run-records.ts';
import type { StateStore } from '../../store/state/port.ts';
import { leadAlone } from '../unit/cluster/lead-alone.ts';
import { createScriptedEngine } from '../unit/scheduler/loop/scripted-engine.ts';
import type { ScriptedEngine } from '../unit/scheduler/loop/scripted-engine.ts';
import { PLAN_SETTINGS, aConfig, aPendingRun, aTask } from '../unit/worlds.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const SUCCESS = { kind: 'exited', code: 0 } as const;

/** Clients that each wait for their run to be accepted before they ask for the next. */
const CLIENTS = 200;

export interface LoopStage extends AsyncDisposable {
  readonly state: StateStore;
  readonly engine: ScriptedEngine;
}

/** Leads on the store; whoever opened the store closes it afterwards. */
export async function leadingStage(state: StateStore): Promise<LoopStage> {
  const engine = createScriptedEngine(Date.now);
  engine.autoEnd = () => SUCCESS;
  const leader = leadAlone(state, [schedulingDuty(state, engine)]);
  await leader.elected;
  return { state, engine, [Symbol.asyncDispose]: () => leader.stop() };
}

export function schedulingDuty(state: StateStore, engine: ScriptedEngine): LeaderDuty {
  return createSchedulingDuty({
    state,
    engine,
    resolver: { resolve: async () => ({ ok: true, env: {} }) },
    settings: {
      ...PLAN_SETTINGS,
      engineKeepsLogs: false,
      globalRunLimit: 20_000,
      pipelineRunLimit: 20_000,
      apiBaseUrl: '',
      relistMs: 60_000,
    },
    now: Date.now,
    log: SILENT,
  });
}

export async function register(state: StateStore, config: PipelineConfig): Promise<void> {
  await state.commit({
    compares: [],
    writes: [{ op: 'put', key: keys.config(config, 1), value: configRecord.encode(config) }],
  });
}

export async function startRun(state: StateStore, pipelineId: string, runId: number): Promise<void> {
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
export async function ends(state: StateStore, count: number): Promise<() => Promise<void>> {
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

export interface Throughput {
  readonly perSecond: number;
  /** Of this process, in ms a run. */
  readonly processorMs: number;
}

export async function sustained(state: StateStore, count: number): Promise<Throughput> {
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
  return { perSecond: (count / ms) * 1_000, processorMs: (used.user + used.system) / 1_000 / count };
}

/** From the start of the request to the engine being told, one run after the other. */
export async function latencies({ state, engine }: LoopStage, count: number): Promise<readonly number[]> {
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
  return times;
}
