// Retention on the memory store: logs of old runs go, with those of all attempts, and a log that is still to be copied is waited for.

import { expect, onTestFinished, test } from 'vitest';
import { createReign } from '../../../../cluster/leadership.ts';
import { createRetentionDuty } from '../../../../scheduler/loop/retention.ts';
import { keys } from '../../../../store/keys.ts';
import { archiveName, writeArchive } from '../../../../store/logs/archive.ts';
import { parseRunId, parseTaskId } from '../../../../store/model/ids.ts';
import type { AttemptKey } from '../../../../store/model/ids.ts';
import type { CompleteRun, CompleteTask, LogPlace } from '../../../../store/model/run.ts';
import { openFilesStore } from '../../../../store/objects/files/files-store.ts';
import type { ObjectStore } from '../../../../store/objects/port.ts';
import { archiveRecord, runCounterRecord, runRecord, taskRecord } from '../../../../store/records/run-records.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../../store/state/port.ts';
import { eventually } from '../../../eventually.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';
import { NOON, aPendingRun } from '../../worlds.ts';

const LAST_RUN = 4;

interface World {
  readonly state: StateStore;
  readonly objects: ObjectStore;
}

async function aWorld(): Promise<World> {
  const directory = await temporaryDirectory();
  const world = { state: createMemoryStore(), objects: await openFilesStore({ directory: directory.path }) };
  onTestFinished(async () => {
    await world.objects.close();
    await directory[Symbol.asyncDispose]();
  });
  const counter = runCounterRecord.encode({ lastRunId: parseRunId(LAST_RUN) });
  await put(world, keys.runCounter(aPendingRun()), counter);
  for (let runId = 1; runId <= LAST_RUN; runId += 1) {
    const ended = { startedAt: NOON, ended: NOON, status: 'successful', statusReason: null } as const;
    const run: CompleteRun = { ...aPendingRun({ runId: parseRunId(runId) }), ...ended, state: 'complete' };
    await put(world, keys.run(run), runRecord.encode(run));
  }
  return world;
}

async function put({ state }: World, key: string, value: string): Promise<void> {
  await state.commit({ compares: [], writes: [{ op: 'put', key, value }] });
}

interface Options {
  readonly logs: LogPlace;
  readonly attempts: number;
  readonly archived: readonly number[];
  readonly taskId?: string;
}

/** A complete task of the run, with archives of the attempts that are named. */
async function complete(world: World, runId: number, options: Options): Promise<AttemptKey> {
  const { namespaceId, pipelineId } = aPendingRun();
  const place = { namespaceId, pipelineId, runId: parseRunId(runId), taskId: parseTaskId(options.taskId ?? 'build') };
  const past = Array.from({ length: options.attempts }, (_, index) => index + 1).map((attempt) => {
    return { attempt, startedAt: NOON, endedAt: NOON, end: { kind: 'exited', code: 1 } } as const;
  });
  const task: CompleteTask = {
    ...place,
    ...{ created: NOON, state: 'complete', status: 'failed', statusReason: null, exitCode: 1 },
    ...{ startedAt: NOON, ended: NOON, carriedFrom: 0, past, logs: options.logs },
  };
  await put(world, keys.task(place), taskRecord.encode(task));
  for (const attempt of options.archived) await writeArchive(world.objects, archiveName({ ...place, attempt }), aLog());
  return { ...place, attempt: options.attempts };
}

async function* aLog() {
  yield { stream: 'stdout', at: NOON, bytes: Buffer.from('line\n') } as const;
}

async function retain({ state, objects }: World): Promise<void> {
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const settings = { runObjectsKept: 100, runLogsKept: 1, eventsKeptMs: 1e12, eventPruneIntervalMs: 1e12 };
  const written = await state.commit({ compares: [], writes: [{ op: 'put', key: keys.leader(), value: 'n' }] });
  const term = written.revision;
  const reign = createReign({ term, sentAtMs: 0, holdMs: Number.MAX_SAFE_INTEGER, monotonicMs: () => 0 });
  const over = createRetentionDuty({ state, objects, settings, now: () => NOON, log }).run(reign.leadership);
  onTestFinished(async () => {
    reign.end('the test is over');
    await over;
  });
}

async function archivesOf({ objects }: World): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const name of objects.list('logs/')) names.push(name);
  return names.sort();
}

async function placeOf({ state }: World, key: AttemptKey): Promise<LogPlace> {
  const task = taskRecord.decode((await state.get(keys.task(key)))?.value ?? '');
  return task.state === 'complete' ? task.logs : 'none';
}

test('logs of all runs but the newest go, and their tasks say so', async () => {
  const world = await aWorld();
  const tasks: AttemptKey[] = [];
  for (let run = 1; run <= LAST_RUN; run += 1)
    tasks.push(await complete(world, run, { logs: 'archived', attempts: 1, archived: [1] }));
  await retain(world);
  await eventually(async () => expect(await archivesOf(world)).toEqual(tasks.slice(-1).map(archiveName)));
  const places = await Promise.all(tasks.map((task) => placeOf(world, task)));
  expect(places).toEqual(['expired', 'expired', 'expired', 'archived']);
});

test('logs of earlier attempts go too, however the last one ended', async () => {
  const world = await aWorld();
  const cases = [
    { taskId: 'archived', logs: 'archived', attempts: 3, archived: [1, 2, 3], after: 'expired' },
    { taskId: 'printed-nothing', logs: 'empty', attempts: 2, archived: [1], after: 'empty' },
    { taskId: 'never-started', logs: 'none', attempts: 2, archived: [1], after: 'none' },
    { taskId: 'cancelled-before-another', logs: 'engine', attempts: 1, archived: [1], after: 'expired' },
  ] as const;
  const tasks: AttemptKey[] = [];
  for (const options of cases) tasks.push(await complete(world, 1, options));
  await retain(world);
  await eventually(async () => expect(await archivesOf(world)).toEqual([]));
  const places = await Promise.all(tasks.map((task) => placeOf(world, task)));
  expect(places).toEqual(cases.map(({ after }) => after));
});

test('a log that is still to be copied is waited for', async () => {
  const world = await aWorld();
  const earlier = await complete(world, 1, { logs: 'archived', attempts: 1, archived: [1] });
  const task = await complete(world, 2, { logs: 'engine', attempts: 1, archived: [] });
  await put(world, keys.archive(task), archiveRecord.encode({ engine: 'process', endedAt: NOON }));
  await retain(world);
  await eventually(async () => expect(await placeOf(world, earlier)).toBe('expired'));
  expect(await placeOf(world, task)).toBe('engine');
  await world.state.commit({ compares: [], writes: [{ op: 'delete', key: keys.archive(task) }] });
  await eventually(async () => expect(await placeOf(world, task)).toBe('expired'));
});
