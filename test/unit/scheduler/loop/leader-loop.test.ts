// The leader's loop on the memory store and a scripted engine: what is committed is done, once, through any change of leader.

import { afterEach, describe, expect, test } from 'vitest';
import { createSchedulingDuty } from '../../../../scheduler/loop/leader-loop.ts';
import { keys } from '../../../../store/keys.ts';
import type { PipelineConfig } from '../../../../store/model/config.ts';
import type { Ask } from '../../../../store/model/ask.ts';
import { attemptId } from '../../../../store/model/ids.ts';
import type { RunId, RunKey, TaskId } from '../../../../store/model/ids.ts';
import { eventPosition, makeEventId } from '../../../../store/model/event.ts';
import type { Run, TaskExecution } from '../../../../store/model/run.ts';
import { eventCounterRecord, outboxRecord, segmentRecord } from '../../../../store/records/event-records.ts';
import { configRecord } from '../../../../store/records/pipeline-records.ts';
import { askRecord, openRunRecord, runRecord, taskRecord } from '../../../../store/records/run-records.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../../store/state/port.ts';
import type { AttemptSpec } from '../../../../scheduler/engines/port.ts';
import { eventually } from '../../../eventually.ts';
import { leadAlone } from '../../cluster/lead-alone.ts';
import type { LoneLeader } from '../../cluster/lead-alone.ts';
import { PLAN_SETTINGS, aConfig, aPendingRun, aTask } from '../../worlds.ts';
import { createScriptedEngine } from './scripted-engine.ts';

const leaders: LoneLeader[] = [];
afterEach(async () => {
  await Promise.all(leaders.splice(0).map((leader) => leader.stop()));
});

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function lead(state: StateStore, engine: ReturnType<typeof createScriptedEngine>, overrides: object = {}): LoneLeader {
  const duty = createSchedulingDuty({
    state,
    engine,
    resolver: {
      resolve: async (_run, variables) => ({
        ok: true,
        env: Object.fromEntries(variables.map(({ key, value }) => [key, value])),
      }),
    },
    settings: {
      ...PLAN_SETTINGS,
      globalRunLimit: 100,
      pipelineRunLimit: 50,
      apiBaseUrl: '',
      relistMs: 60_000,
      ...overrides,
    },
    now: () => Date.now(),
    log: SILENT,
  });
  const leader = leadAlone(state, [duty]);
  leaders.push(leader);
  return leader;
}

async function register(state: StateStore, config: PipelineConfig): Promise<void> {
  await state.commit({
    compares: [],
    writes: [{ op: 'put', key: keys.config(config, config.version), value: configRecord.encode(config) }],
  });
}

async function start(state: StateStore, runId: number, options: { readonly retryOf?: number } = {}): Promise<RunKey> {
  const run = aPendingRun({ runId: runId as RunId, created: Date.now(), retryOf: options.retryOf ?? 0 });
  await state.commit({
    compares: [{ target: 'create', key: keys.run(run), equals: 0 }],
    writes: [
      { op: 'put', key: keys.run(run), value: runRecord.encode(run) },
      { op: 'put', key: keys.openRun(run), value: openRunRecord.encode(run) },
    ],
  });
  return run;
}

async function ask(state: StateStore, run: RunKey, wish: Ask): Promise<void> {
  await state.commit({
    compares: [],
    writes: [{ op: 'put', key: keys.ask(run, `${Math.random()}`), value: askRecord.encode(wish) }],
  });
}

async function runOf(state: StateStore, key: RunKey): Promise<Run> {
  const kv = await state.get(keys.run(key));
  if (kv === null) throw new Error('the run exists');
  return runRecord.decode(kv.value);
}

async function tasksOf(state: StateStore, key: RunKey): Promise<TaskExecution[]> {
  return (await state.range(keys.tasksOf(key))).kvs.map(({ value }) => taskRecord.decode(value));
}

async function eventsOf(state: StateStore): Promise<string[]> {
  const { kvs } = await state.range(keys.events());
  return kvs.flatMap(({ value }) =>
    segmentRecord.decode(value).events.map((event) => Object.keys(event?.kind ?? {})[0] ?? ''),
  );
}

const complete = (state: StateStore, key: RunKey) =>
  eventually(async () => expect((await runOf(state, key)).state).toBe('complete'));

const SUCCESS = { kind: 'exited', code: 0 } as const;

/** A leader has gone that meant to start a body and could not reach the engine, which answers again. */
async function anIntentLeft() {
  const state = createMemoryStore();
  const engine = createScriptedEngine(Date.now);
  await register(state, aConfig([aTask('a')]));
  engine.down = true;
  const first = lead(state, engine);
  const key = await start(state, 1);
  await eventually(async () => expect(await tasksOf(state, key)).toMatchObject([{ state: 'processing' }]));
  await first.stop();
  engine.down = false;
  return { state, engine, key };
}

describe('one leader', () => {
  test('runs a graph to its end, with its events in order and nothing left open', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    engine.autoEnd = () => SUCCESS;
    await register(
      state,
      aConfig([aTask('a'), aTask('b', { after: { a: 'success' } }), aTask('c', { after: { b: 'failure' } })]),
    );
    lead(state, engine);
    const key = await start(state, 1);
    await complete(state, key);
    expect(await runOf(state, key)).toMatchObject({ status: 'successful', statusReason: null });
    const tasks = await tasksOf(state, key);
    expect(tasks.map((task) => [task.taskId, task.state === 'complete' && task.status])).toEqual([
      ['a', 'successful'],
      ['b', 'successful'],
      ['c', 'skipped'],
    ]);
    expect((await state.range(keys.openRuns())).kvs).toEqual([]);
    expect(await eventsOf(state)).toEqual([
      'queued_run',
      'started_run',
      'started_task_execution',
      'completed_task_execution',
      'started_task_execution',
      'completed_task_execution',
      'completed_task_execution',
      'completed_run',
    ]);
  });

  test("the run's event id names its queued_run event", async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    engine.autoEnd = () => SUCCESS;
    await register(state, aConfig([aTask('a')]));
    lead(state, engine);
    const key = await start(state, 1);
    await complete(state, key);
    const { eventId } = await runOf(state, key);
    const position = eventPosition(eventId ?? '');
    if (position === null) throw new Error('the run has an event id of ours');
    const segment = await state.get(keys.event(position.segment));
    const event = segmentRecord.decode(segment?.value ?? '').events[position.index];
    expect(event?.kind).toEqual({ queued_run: { namespace_id: 'default', pipeline_id: 'nightly', run_id: 1 } });
    expect(makeEventId(event?.emitted ?? 0, position)).toBe(eventId);
  });

  test('runs beyond the limit wait, and start in the order in which they were made', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    await register(state, aConfig([aTask('a')], { parallelism: 1 }));
    lead(state, engine);
    const runs = [await start(state, 1), await start(state, 2), await start(state, 3)];
    for (const key of runs) {
      const id = attemptId({ ...key, taskId: 'a' as TaskId }, 1);
      await eventually(() => expect(engine.starts.get(id)).toBe(1));
      expect(engine.starts.size).toBe(key.runId);
      engine.end(id, SUCCESS);
      await complete(state, key);
    }
  });

  test('a waiting run that is cancelled never starts', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    await register(state, aConfig([aTask('a')], { parallelism: 1 }));
    lead(state, engine);
    const first = await start(state, 1);
    const second = await start(state, 2);
    await eventually(async () => expect((await runOf(state, second)).eventId).not.toBeNull());
    await ask(state, second, { kind: 'cancel_run', askedAt: 1, graceMs: 0, by: 'ann' });
    await complete(state, second);
    expect(await runOf(state, second)).toMatchObject({ status: 'cancelled', startedAt: 0 });
    engine.end(attemptId({ ...first, taskId: 'a' as TaskId }, 1), SUCCESS);
    await complete(state, first);
    expect(engine.starts.size).toBe(1);
    expect((await state.range(keys.asks())).kvs).toEqual([]);
  });

  test('an ask about a run that is over is cleared away', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    engine.autoEnd = () => SUCCESS;
    await register(state, aConfig([aTask('a')]));
    lead(state, engine);
    const key = await start(state, 1);
    await complete(state, key);
    await ask(state, key, { kind: 'cancel_run', askedAt: 1, graceMs: 0, by: 'ann' });
    await eventually(async () => expect((await state.range(keys.asks())).kvs).toEqual([]));
    expect(await runOf(state, key)).toMatchObject({ status: 'successful' });
  });

  test('events of other nodes come into the log once, in their order', async () => {
    const state = createMemoryStore();
    lead(state, createScriptedEngine(Date.now));
    for (const id of ['1', '2', '3']) {
      const event = { emitted: 5, kind: { created_namespace: { namespace_id: `team-${id}` as never } } };
      await state.commit({
        compares: [],
        writes: [{ op: 'put', key: keys.outbox(id), value: outboxRecord.encode(event) }],
      });
    }
    await eventually(async () => expect((await state.range(keys.outboxAll())).kvs).toEqual([]));
    expect(await eventsOf(state)).toEqual(['created_namespace', 'created_namespace', 'created_namespace']);
  });

  test('a run of more tasks than fit in one transaction runs whole', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    engine.autoEnd = () => SUCCESS;
    const wide = Array.from({ length: 400 }, (_, index) => aTask(`t${index}`));
    const after = Object.fromEntries(wide.map(({ id }) => [id, 'success' as const]));
    await register(state, aConfig([...wide, aTask('last', { after })]));
    lead(state, engine);
    const key = await start(state, 1);
    await complete(state, key);
    expect(await runOf(state, key)).toMatchObject({ status: 'successful' });
    expect([...engine.starts.values()].every((count) => count === 1)).toBe(true);
    expect(engine.starts.size).toBe(401);
  });

  test('an engine that does not answer delays a run and does not fail it', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    engine.autoEnd = () => SUCCESS;
    engine.down = true;
    await register(state, aConfig([aTask('a')]));
    lead(state, engine);
    const key = await start(state, 1);
    await eventually(async () =>
      expect(await tasksOf(state, key)).toMatchObject([{ state: 'processing', note: 'The engine does not answer.' }]),
    );
    engine.down = false;
    await complete(state, key);
    expect(await runOf(state, key)).toMatchObject({ status: 'successful' });
  });

  test('a cancel during a repeated submission waits for its outcome, and stops the body', async () => {
    const { state, engine, key } = await anIntentLeft();
    // The next leader asks, is told 'unknown', and submits again: this submission is held up.
    const { submit } = engine;
    let go: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    const submitting = new Promise<void>((resolve) => {
      engine.submit = async (...args) => {
        resolve();
        await held;
        return submit(...args);
      };
    });
    lead(state, engine);
    await submitting;
    await ask(state, key, { kind: 'cancel_run', askedAt: 1, graceMs: 5_000, by: 'ann' });
    try {
      await eventually(async () => expect((await state.range(keys.asks())).kvs).toEqual([]));
      expect(await runOf(state, key)).toMatchObject({ state: 'running', cancel: { by: 'ann' } });
    } finally {
      go();
    }
    await complete(state, key);
    expect(engine.stops.at(-1)).toEqual({ id: attemptId({ ...key, taskId: 'a' as TaskId }, 1), graceMs: 5_000 });
    expect(await tasksOf(state, key)).toMatchObject([{ state: 'complete', status: 'cancelled' }]);
  });

  test('an answer from before a body started does not make it lost', async () => {
    const { state, engine, key } = await anIntentLeft();
    const { lookup } = engine;
    let go: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    const asked = new Promise<void>((resolve) => {
      engine.lookup = async (ids) => {
        const answer = await lookup(ids);
        resolve();
        await held;
        return answer;
      };
    });
    lead(state, engine);
    await asked;
    // The start that the first leader had on its way.
    const id = attemptId({ ...key, taskId: 'a' as TaskId }, 1);
    await engine.submit({ id } as AttemptSpec, { signal: new AbortController().signal });
    await eventually(async () => expect(await tasksOf(state, key)).toMatchObject([{ state: 'running' }]));
    go();
    // The answer is taken in, and whatever it leads to is committed.
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    engine.end(id, SUCCESS);
    await complete(state, key);
    expect(await runOf(state, key)).toMatchObject({ status: 'successful' });
  });

  test('a retried run starts only what was not successful', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    engine.autoEnd = ({ id }) => (id.includes('_1_b_') ? { kind: 'exited', code: 1 } : SUCCESS);
    await register(state, aConfig([aTask('a'), aTask('b', { after: { a: 'success' } })]));
    lead(state, engine);
    await complete(state, await start(state, 1));
    const again = await start(state, 2, { retryOf: 1 });
    await complete(state, again);
    expect(await runOf(state, again)).toMatchObject({ status: 'successful' });
    expect([...engine.starts.keys()].filter((id) => id.includes('_2_'))).toEqual(['default_nightly_2_b_1']);
    expect(await tasksOf(state, again)).toMatchObject([
      { taskId: 'a', carriedFrom: 1 },
      { taskId: 'b', carriedFrom: 0 },
    ]);
  });
});

describe('a change of leader', () => {
  test('loses nothing and starts nothing twice, at any moment', async () => {
    const state = createMemoryStore();
    const engine = createScriptedEngine(Date.now);
    engine.autoEnd = () => SUCCESS;
    const chain = Array.from({ length: 12 }, (_, index) =>
      aTask(`t${index}`, index === 0 ? {} : { after: { [`t${index - 1}`]: 'success' } }),
    );
    await register(state, aConfig(chain));
    const runs: RunKey[] = [];
    for (let round = 1; round <= 40; round += 1) {
      const leader = lead(state, engine);
      runs.push(await start(state, round));
      // A different number of steps each time, so that the term ends at another line of the loop.
      for (let step = 0; step < round * 3; step += 1) await Promise.resolve();
      await leader.stop();
    }
    lead(state, engine);
    for (const key of runs) await complete(state, key);
    expect([...engine.starts.values()].filter((count) => count !== 1)).toEqual([]);
    expect(engine.starts.size).toBe(runs.length * chain.length);
    const counter = await state.get(keys.eventCounter());
    const { last } = eventCounterRecord.decode(counter?.value ?? '');
    expect((await state.range(keys.events())).kvs.length).toBe(last);
    const names = await eventsOf(state);
    for (const name of ['queued_run', 'started_run', 'completed_run'])
      expect(names.filter((each) => each === name)).toHaveLength(runs.length);
  });
});
