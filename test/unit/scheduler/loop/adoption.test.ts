// A leader that takes over in the middle of everything: what its predecessor left in the records goes on, once, and no outside effect
// comes after the moment until which this node may believe that it leads.

import { describe, expect, onTestFinished, test } from 'vitest';
import { createReign } from '../../../../cluster/leadership.ts';
import type { VariableResolver } from '../../../../scheduler/loop/deps.ts';
import { createSchedulingDuty } from '../../../../scheduler/loop/leader-loop.ts';
import { createSweepingDuty } from '../../../../scheduler/loop/sweeping.ts';
import { keys } from '../../../../store/keys.ts';
import type { Ask } from '../../../../store/model/ask.ts';
import type { TaskSpec } from '../../../../store/model/config.ts';
import type { EventId, RunId, TaskId } from '../../../../store/model/ids.ts';
import { attemptId } from '../../../../store/model/ids.ts';
import type { ProcessingTask, RunningRun, RunningTask, TaskExecution } from '../../../../store/model/run.ts';
import { configRecord } from '../../../../store/records/pipeline-records.ts';
import { askRecord, openRunRecord, runRecord, taskRecord } from '../../../../store/records/run-records.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import type { StateStore, Write } from '../../../../store/state/port.ts';
import { eventually } from '../../../eventually.ts';
import { NOON, PLAN_SETTINGS, aConfig, aPendingRun, aRunningRun, aTask } from '../../worlds.ts';
import type { ScriptedEngine } from './scripted-engine.ts';
import { createScriptedEngine } from './scripted-engine.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const SUCCESS = { kind: 'exited', code: 0 } as const;
const RUN = aRunningRun({ eventId: '1' as EventId });
const A = { ...facts(RUN), taskId: 'a' as TaskId };
const ID = attemptId(A, 1);
/** The body of `RUN` began then; the predecessor died a moment later, and the next leader comes at `TAKE_OVER`. */
const BEGAN = NOON + 1_000;
const TAKE_OVER = NOON + 60_000;

const PROCESSING: ProcessingTask = {
  ...{ ...A, state: 'processing', created: NOON, past: [], attempt: 1, intentAt: BEGAN, stop: null, note: '' },
};
const RUNNING: RunningTask = {
  ...{ ...A, state: 'running', created: NOON, past: [], attempt: 1, intentAt: BEGAN, startedAt: BEGAN, deadline: 0 },
  stop: null,
};

function facts({ namespaceId, pipelineId, runId }: RunningRun) {
  return { namespaceId, pipelineId, runId };
}

interface Left {
  readonly task?: TaskExecution;
  readonly run?: Partial<RunningRun>;
  readonly spec?: TaskSpec;
  readonly ask?: Ask;
}

/** What a leader that died has left behind. */
async function left({ task, run = {}, spec = aTask('a'), ask }: Left): Promise<StateStore> {
  const state = createMemoryStore();
  const config = aConfig([spec]);
  const writes: Write[] = [
    { op: 'put', key: keys.config(config, 1), value: configRecord.encode(config) },
    { op: 'put', key: keys.run(RUN), value: runRecord.encode({ ...RUN, ...run }) },
    { op: 'put', key: keys.openRun(RUN), value: openRunRecord.encode(aPendingRun()) },
  ];
  if (task !== undefined) writes.push({ op: 'put', key: keys.task(A), value: taskRecord.encode(task) });
  if (ask !== undefined) writes.push({ op: 'put', key: keys.ask(RUN, 'x'), value: askRecord.encode(ask) });
  await state.commit({ compares: [], writes });
  return state;
}

interface TermOptions {
  readonly state: StateStore;
  readonly engine: ScriptedEngine;
  readonly resolver?: VariableResolver;
  readonly now?: () => number;
  readonly sentAtMs?: number;
}

/** One term of a new leader. `pass` takes it to its deadline, without anybody having told it. */
async function aTerm({ state, engine, resolver, now = () => TAKE_OVER, sentAtMs = 0 }: TermOptions) {
  const { revision: term } = await state.commit({
    compares: [],
    writes: [{ op: 'put', key: keys.leader(), value: 'n2' }],
  });
  let monotonicMs = 0;
  const { leadership, tenure } = createReign({ term, sentAtMs, holdMs: 3_500, monotonicMs: () => monotonicMs });
  const duty = createSchedulingDuty({
    ...{ state, engine, now, log: SILENT },
    resolver: resolver ?? { resolve: async () => ({ ok: true, env: {} }) },
    settings: { ...PLAN_SETTINGS, globalRunLimit: 100, pipelineRunLimit: 100, apiBaseUrl: '', relistMs: 60_000 },
  });
  const over = duty.run(leadership);
  onTestFinished(async () => {
    tenure.end('the test is over');
    await over;
  });
  return { duty, pass: () => (monotonicMs = 3_500), over };
}

const taskIn = async (state: StateStore) => taskRecord.decode((await state.get(keys.task(A)))?.value ?? '');
const runIn = async (state: StateStore) => runRecord.decode((await state.get(keys.run(RUN)))?.value ?? '');
const ended = (state: StateStore) => eventually(async () => expect((await runIn(state)).state).toBe('complete'));
const body = (engine: ScriptedEngine) =>
  engine.submit({ id: ID, env: {} } as never, { signal: new AbortController().signal });

describe('what the predecessor left', () => {
  test('an intent that the engine never heard of is carried out, once', async () => {
    const state = await left({ task: PROCESSING });
    const engine = createScriptedEngine(() => TAKE_OVER);
    engine.autoEnd = () => SUCCESS;
    await aTerm({ state, engine });
    await ended(state);
    expect([...engine.starts]).toEqual([[ID, 1]]);
    expect(await runIn(state)).toMatchObject({ status: 'successful' });
  });

  test.each([
    ['an intent', PROCESSING],
    ['a running task', RUNNING],
  ])('%s whose body runs is taken up, and nothing is started', async (_title, task) => {
    const state = await left({ task });
    const engine = createScriptedEngine(() => BEGAN);
    await body(engine);
    await aTerm({ state, engine });
    await eventually(async () => expect(await taskIn(state)).toMatchObject({ state: 'running', startedAt: BEGAN }));
    engine.end(ID, SUCCESS);
    await ended(state);
    expect([...engine.starts]).toEqual([[ID, 1]]);
  });

  test.each([
    ['an intent', PROCESSING],
    ['a running task', RUNNING],
  ])('%s whose body has ended in the gap ends with the end that it had, when it had it', async (_title, task) => {
    const state = await left({ task });
    const engine = createScriptedEngine(() => BEGAN);
    await body(engine);
    engine.end(ID, { kind: 'exited', code: 7 });
    await aTerm({ state, engine });
    await ended(state);
    expect(await taskIn(state)).toMatchObject({ status: 'failed', exitCode: 7, startedAt: BEGAN, ended: BEGAN });
    expect([...engine.starts]).toEqual([[ID, 1]]);
  });

  test('a running task that the engine does not know is lost, with a reason, and never started a second time', async () => {
    const state = await left({ task: RUNNING });
    const engine = createScriptedEngine(() => TAKE_OVER);
    await aTerm({ state, engine });
    await ended(state);
    const task = await taskIn(state);
    expect(task.past).toMatchObject([{ end: { kind: 'lost', why: 'the engine no longer knows the attempt' } }]);
    expect(task).toMatchObject({ state: 'complete', status: 'unknown', statusReason: { reason: 'orphaned' } });
    expect(engine.starts.size).toBe(0);
  });

  test.each([
    ['not before its time', TAKE_OVER + 500, TAKE_OVER + 500],
    ['at once when its time has passed', TAKE_OVER - 500, TAKE_OVER],
  ])('a retry that was put off is started %s', async (_title, retryAt, startsAt) => {
    const past = [{ attempt: 1, startedAt: BEGAN, endedAt: BEGAN, end: { kind: 'exited', code: 1 } as const }];
    const spec = aTask('a', { retry: { limit: 3 } });
    const state = await left({ task: { ...A, state: 'waiting', created: NOON, past, retryAt }, spec });
    let now = TAKE_OVER;
    let startedAt = 0;
    const engine = createScriptedEngine(() => now);
    engine.autoEnd = () => {
      startedAt = now;
      return SUCCESS;
    };
    const { duty } = await aTerm({ state, engine, now: () => now });
    if (startsAt > TAKE_OVER) await eventually(() => expect(duty.status()).toMatchObject({ running: 1 }));
    now = startsAt;
    await ended(state);
    expect([...engine.starts]).toEqual([[attemptId(A, 2), 1]]);
    expect(startedAt).toBe(startsAt);
  });

  test.each([
    ['the time limit of the task', { ...RUNNING, deadline: BEGAN + 10_000 }, {}],
    ['the time limit of the run', RUNNING, { deadline: BEGAN + 10_000 }],
  ])('%s that passed in the gap is kept: the body is stopped', async (_title, task, run) => {
    const state = await left({ task, run });
    const engine = createScriptedEngine(() => BEGAN);
    await body(engine);
    await aTerm({ state, engine });
    await ended(state);
    expect(engine.stops.map(({ id }) => id)).toEqual([ID]);
    expect(await runIn(state)).toMatchObject({ status: 'failed' });
  });
});

describe('a cancel that was asked for in the gap', () => {
  const ask: Ask = { kind: 'cancel_run', askedAt: TAKE_OVER - 1_000, graceMs: 5_000, by: 'ann' };

  test('stops a body that runs', async () => {
    const state = await left({ task: RUNNING, ask });
    const engine = createScriptedEngine(() => BEGAN);
    await body(engine);
    await aTerm({ state, engine });
    await ended(state);
    expect(engine.stops[0]).toEqual({ id: ID, graceMs: 5_000 });
    expect(await taskIn(state)).toMatchObject({ status: 'cancelled' });
    expect((await state.range(keys.asks())).kvs).toEqual([]);
  });

  test('keeps an intent that the engine never heard of from ever being started', async () => {
    const state = await left({ task: PROCESSING, ask });
    const engine = createScriptedEngine(() => TAKE_OVER);
    await aTerm({ state, engine });
    await ended(state);
    expect(engine.starts.size).toBe(0);
    expect(await taskIn(state)).toMatchObject({ status: 'cancelled' });
    // So the archiver has the engine refuse a start that is still on its way.
    expect(await state.get(keys.archive({ ...A, attempt: 1 }))).not.toBeNull();
  });

  test('stops a body that begins only afterwards', async () => {
    const state = await left({ task: PROCESSING, ask });
    const engine = createScriptedEngine(() => BEGAN);
    const { stop } = engine;
    const lookup = engine.lookup.bind(engine);
    // As an engine answers between the claim and the body: a stop meets nothing then.
    let begun = false;
    engine.lookup = async (ids) =>
      begun ? lookup(ids) : ids.map((id) => ({ id, state: 'pending', note: 'starting' }));
    engine.stop = async (id, options) => {
      if (begun) return stop(id, options);
      engine.stops.push({ id, ...options });
    };
    await aTerm({ state, engine });
    await eventually(() => expect(engine.stops).not.toEqual([]));
    begun = true;
    const early = engine.stops.length;
    await body(engine);
    await ended(state);
    expect(engine.stops.length).toBeGreaterThan(early);
    expect(await taskIn(state)).toMatchObject({ status: 'cancelled' });
  });
});

describe('the deadline of a leadership', () => {
  test('passed while variables were resolved: nothing is submitted', async () => {
    const state = await left({ task: PROCESSING });
    const engine = createScriptedEngine(() => TAKE_OVER);
    const term: { pass?: () => void } = {};
    let resolved = 0;
    const resolver: VariableResolver = {
      resolve: async () => {
        resolved += 1;
        term.pass?.();
        return { ok: true, env: {} };
      },
    };
    const { pass, over } = await aTerm({ state, engine, resolver });
    term.pass = pass;
    await over;
    expect(resolved).toBe(1);
    expect(engine.starts.size).toBe(0);
  });

  test('passed between the commit of a stop and the stop: the engine is told nothing', async () => {
    const state = await left({ task: RUNNING });
    const engine = createScriptedEngine(() => BEGAN);
    await body(engine);
    const { pass, over } = await aTerm({ state, engine });
    await eventually(async () => expect(await taskIn(state)).toMatchObject({ state: 'running' }));
    const { commit } = state;
    state.commit = async (transaction) => {
      const result = await commit.call(state, transaction);
      if (transaction.writes.some((write) => write.op === 'put' && write.value.includes('"cause":"cancel"'))) pass();
      return result;
    };
    const ask: Ask = { kind: 'cancel_run', askedAt: TAKE_OVER, graceMs: 5_000, by: 'ann' };
    await commit.call(state, {
      compares: [],
      writes: [{ op: 'put', key: keys.ask(RUN, 'y'), value: askRecord.encode(ask) }],
    });
    await over;
    expect(await taskIn(state)).toMatchObject({ stop: { cause: 'cancel' } });
    expect(engine.stops).toEqual([]);
  });

  test('passed before anything was asked: the engine is not even looked at for a start', async () => {
    const state = await left({ task: PROCESSING });
    const engine = createScriptedEngine(() => TAKE_OVER);
    let looks = 0;
    engine.lookup = async (ids) => {
      looks += 1;
      return ids.map((id) => ({ id, state: 'unknown' }));
    };
    const { over } = await aTerm({ state, engine, sentAtMs: -3_500 });
    await over;
    expect(looks).toBe(0);
    expect(engine.starts.size).toBe(0);
  });

  test('passed while the records of a left-over were read: nothing is forgotten', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(() => NOON);
    await body(engine);
    engine.end(ID, SUCCESS);
    let monotonicMs = 0;
    const { leadership, tenure } = createReign({
      ...{ term: 1, sentAtMs: 0, holdMs: 3_500 },
      monotonicMs: () => monotonicMs,
    });
    const { get } = state;
    state.get = async (key) => {
      monotonicMs = 3_500;
      return get.call(state, key);
    };
    const settings = { intervalMs: 10, graceMs: 0 };
    await createSweepingDuty({ state, engine, settings, log: SILENT }).run(leadership);
    tenure.end('over');
    expect(engine.forgotten).toEqual([]);
  });
});

test('a leader asks the engine about many unfinished attempts in few calls, few at a time', async () => {
  const state = await left({});
  const writes: Write[] = [];
  for (let runId = 2; runId <= 2_001; runId += 1) {
    const run = { ...RUN, runId: runId as RunId };
    writes.push(
      { op: 'put', key: keys.run(run), value: runRecord.encode(run) },
      { op: 'put', key: keys.openRun(run), value: openRunRecord.encode(aPendingRun({ runId: run.runId })) },
      {
        op: 'put',
        key: keys.task({ ...A, runId: run.runId }),
        value: taskRecord.encode({ ...RUNNING, runId: run.runId }),
      },
    );
  }
  for (let at = 0; at < writes.length; at += 120) {
    await state.commit({ compares: [], writes: writes.slice(at, at + 120) });
  }
  const engine = createScriptedEngine(() => BEGAN);
  const asked: number[] = [];
  let underWay = 0;
  let most = 0;
  engine.lookup = async (ids) => {
    asked.push(ids.length);
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return ids.map((id) => ({ id, state: 'running', startedAt: BEGAN }));
  };
  let reads = 0;
  const { get, range } = state;
  state.get = (key) => ((reads += 1), get.call(state, key));
  state.range = (...args) => ((reads += 1), range.apply(state, args));
  await aTerm({ state, engine });
  await eventually(() => expect(asked.reduce((sum, count) => sum + count, 0)).toBe(2_000));
  expect(asked.length).toBeLessThan(30);
  expect(most).toBeLessThanOrEqual(4);
  expect(reads).toBeLessThan(60);
});
