// Sweeping on the memory store and a scripted engine: what nobody needs goes, and nothing else does.

import { afterEach, expect, test } from 'vitest';
import { createReign } from '../../../../cluster/leadership.ts';
import type { Reign } from '../../../../cluster/leadership.ts';
import { createSweepingDuty } from '../../../../scheduler/loop/sweeping.ts';
import type { SweepingSettings } from '../../../../scheduler/loop/sweeping.ts';
import { keys } from '../../../../store/keys.ts';
import { attemptId } from '../../../../store/model/ids.ts';
import type { AttemptId, AttemptKey, TaskId } from '../../../../store/model/ids.ts';
import type { CompleteTask, PastAttempt, TaskExecution } from '../../../../store/model/run.ts';
import { archiveRecord, runRecord, taskRecord } from '../../../../store/records/run-records.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../../store/state/port.ts';
import { eventually } from '../../../eventually.ts';
import { NOON, aRunningRun } from '../../worlds.ts';
import { createScriptedEngine } from './scripted-engine.ts';
import type { ScriptedEngine } from './scripted-engine.ts';

const SOON: SweepingSettings = { intervalMs: 5, graceMs: 30 };

const reigns: { readonly reign: Reign; readonly over: Promise<void> }[] = [];
afterEach(async () => {
  for (const { reign, over } of reigns.splice(0)) {
    reign.end('the test is over');
    await over;
  }
});

interface World {
  readonly state: StateStore;
  readonly engine: ScriptedEngine;
  readonly logged: string[];
}

function aWorld(): World {
  return { state: createMemoryStore(), engine: createScriptedEngine(Date.now), logged: [] };
}

function sweep({ state, engine, logged }: World, settings = SOON): void {
  const take = (_fields: object, message: string) => void logged.push(message);
  const log = { debug: take, info: take, warn: take, error: take };
  const reign = createReign({ term: 1, sentAtMs: 0, holdMs: Number.MAX_SAFE_INTEGER, monotonicMs: () => 0 });
  reigns.push({ reign, over: createSweepingDuty({ state, engine, settings, log }).run(reign.leadership) });
}

const RUN = aRunningRun();
const attempt = (taskId: string, number = 1): AttemptKey => ({
  ...RUN,
  taskId: taskId as TaskId,
  attempt: number,
});
const idOf = (key: AttemptKey): AttemptId => attemptId(key, key.attempt);

function past(number: number): PastAttempt {
  return { attempt: number, startedAt: NOON, endedAt: NOON, end: { kind: 'exited', code: 0 } };
}

function aComplete({ namespaceId, pipelineId, runId, taskId, attempt: last }: AttemptKey): CompleteTask {
  return {
    namespaceId,
    pipelineId,
    runId,
    taskId,
    created: NOON,
    state: 'complete',
    status: 'successful',
    statusReason: null,
    exitCode: 0,
    startedAt: NOON,
    ended: NOON,
    past: [past(last)],
    logs: 'archived',
    carriedFrom: 0,
  };
}

function anOpen({ namespaceId, pipelineId, runId, taskId, attempt: number }: AttemptKey): TaskExecution {
  const facts = { namespaceId, pipelineId, runId, taskId, created: NOON, past: [] };
  return { ...facts, state: 'processing', attempt: number, intentAt: NOON, stop: null, note: '' };
}

async function put(state: StateStore, key: string, value: string): Promise<void> {
  await state.commit({ compares: [], writes: [{ op: 'put', key, value }] });
}

async function run(engine: ScriptedEngine, key: AttemptKey, ends = true): Promise<void> {
  const spec = { id: idOf(key), image: '', entrypoint: null, command: null, env: {}, registryAuth: null } as const;
  const resources = { cpuMillis: 0, memoryMib: 0 };
  await engine.submit({ ...spec, pull: 'missing', resources }, { signal: new AbortController().signal });
  if (ends) engine.end(idOf(key), { kind: 'exited', code: 0 });
}

/** A body that is certainly swept: once it is gone, all others have been judged at least as often. */
async function whenSweptTwice({ state, engine }: World): Promise<void> {
  for (const name of ['canary-1', 'canary-2']) {
    const canary = attempt(name);
    await put(state, keys.task(canary), taskRecord.encode(aComplete(canary)));
    await run(engine, canary);
    await eventually(() => expect(engine.forgotten).toContain(idOf(canary)));
  }
}

const forgottenOf = ({ engine }: World) => engine.forgotten.filter((id) => !id.includes('canary'));

test('sweeping: an attempt that is archived and still in the engine is forgotten', async () => {
  const world = aWorld();
  const left = attempt('left');
  await put(world.state, keys.task(left), taskRecord.encode(aComplete(left)));
  await run(world.engine, left);
  sweep(world);
  await whenSweptTwice(world);
  expect(forgottenOf(world)).toEqual([idOf(left)]);
});

test('sweeping: an ended attempt of a run that was deleted is forgotten', async () => {
  const world = aWorld();
  await run(world.engine, attempt('left'));
  sweep(world);
  await whenSweptTwice(world);
  expect(forgottenOf(world)).toEqual([idOf(attempt('left'))]);
});

test('sweeping: an earlier attempt of a task that was tried again is forgotten, the newer is not', async () => {
  const world = aWorld();
  const task = { ...anOpen(attempt('again', 2)), past: [past(1)] };
  await put(world.state, keys.task(attempt('again')), taskRecord.encode(task));
  await run(world.engine, attempt('again', 1));
  await run(world.engine, attempt('again', 2));
  sweep(world);
  await whenSweptTwice(world);
  expect(forgottenOf(world)).toEqual([idOf(attempt('again', 1))]);
});

test.each([
  {
    name: 'whose end is not recorded yet',
    records: (key: AttemptKey) => [[keys.task(key), taskRecord.encode(anOpen(key))]],
  },
  {
    name: 'whose log is not archived yet',
    records: (key: AttemptKey) => [
      [keys.task(key), taskRecord.encode(aComplete(key))],
      [keys.archive(key), archiveRecord.encode({ engine: 'process', endedAt: NOON })],
    ],
  },
  {
    name: 'of a deleted run, whose log somebody still reads',
    records: (key: AttemptKey) => [[keys.archive(key), archiveRecord.encode({ engine: 'process', endedAt: NOON })]],
  },
  {
    name: 'of a run whose task has no record',
    records: (key: AttemptKey) => [[keys.run(key), runRecord.encode(RUN)]],
  },
  {
    name: 'whose record cannot be read',
    records: (key: AttemptKey) => [[keys.task(key), '{"v":1,']],
  },
])('sweeping: an attempt $name stays', async ({ records }) => {
  const world = aWorld();
  const kept = attempt('kept');
  for (const [key = '', value = ''] of records(kept)) await put(world.state, key, value);
  await run(world.engine, kept);
  sweep(world);
  await whenSweptTwice(world);
  expect(forgottenOf(world)).toEqual([]);
});

test('sweeping: a body whose record appears during the grace stays', async () => {
  const world = aWorld();
  await run(world.engine, attempt('late'), false);
  const lists: Promise<unknown>[] = [];
  const { list } = world.engine;
  const listed = new Promise<void>((resolve) => {
    world.engine.list = async () => {
      lists.push(Promise.resolve());
      if (lists.length === 2) resolve();
      return list();
    };
  });
  sweep(world, { intervalMs: 5, graceMs: 400 });
  await listed;
  // It has been under suspicion since the first list; now its record is there.
  await put(world.state, keys.task(attempt('late')), taskRecord.encode(anOpen(attempt('late'))));
  await whenSweptTwice(world);
  expect(forgottenOf(world)).toEqual([]);
  expect(world.engine.stops).toEqual([]);
});

test('sweeping: a body that runs although its attempt is closed is stopped, then forgotten', async () => {
  const world = aWorld();
  const left = attempt('left');
  await put(world.state, keys.task(left), taskRecord.encode(aComplete(left)));
  await run(world.engine, left, false);
  sweep(world);
  await eventually(() => expect(world.engine.stops).toEqual([{ id: idOf(left), graceMs: 0 }]));
  await eventually(() => expect(forgottenOf(world)).toEqual([idOf(left)]));
});

test('sweeping: a body that runs without any record is left alone, and reported once', async () => {
  const world = aWorld();
  await run(world.engine, attempt('stray'), false);
  sweep(world);
  await whenSweptTwice(world);
  expect([world.engine.stops, forgottenOf(world)]).toEqual([[], []]);
  expect(world.logged.filter((line) => line.includes('no record names'))).toHaveLength(1);
});

test('sweeping: nothing is touched before the grace is over', async () => {
  const world = aWorld();
  await run(world.engine, attempt('left'));
  let lists = 0;
  const { list } = world.engine;
  world.engine.list = async () => {
    lists += 1;
    return list();
  };
  sweep(world, { intervalMs: 5, graceMs: 3_600_000 });
  await eventually(() => expect(lists).toBeGreaterThan(5));
  expect(world.engine.forgotten).toEqual([]);
});

test('sweeping: where bodies are to be kept, only tombstones are tidied', async () => {
  const world = aWorld();
  await run(world.engine, attempt('left'));
  let lists = 0;
  world.engine.list = async () => {
    lists += 1;
    return [];
  };
  sweep(world, { intervalMs: null, graceMs: 0 });
  await eventually(() => expect(world.engine.tidied).toBe(1));
  expect([lists, world.engine.forgotten]).toEqual([0, []]);
});

test('sweeping: an engine that does not answer ends neither the duty nor the term', async () => {
  const world = aWorld();
  world.engine.down = true;
  sweep(world);
  // Tidying has failed, and sweeping more than once.
  await eventually(() => expect(world.logged.length).toBeGreaterThan(2));
  const [{ reign, over }] = reigns.splice(0) as [(typeof reigns)[number]];
  expect(reign.leadership.signal.aborted).toBe(false);
  reign.end('the test is over');
  await over;
});

test('sweeping: a leader that is none any more touches nothing', async () => {
  const world = aWorld();
  await run(world.engine, attempt('left'));
  const lapsed = createReign({ term: 1, sentAtMs: 0, holdMs: 1, monotonicMs: () => 2 });
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  await createSweepingDuty({ ...world, settings: { intervalMs: 0, graceMs: 0 }, log }).run(lapsed.leadership);
  expect([world.engine.forgotten, world.engine.tidied]).toEqual([[], 0]);
});
