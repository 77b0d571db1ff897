// Archiving on the memory store: every log lands in the object store, and one that nobody may read any more lands nowhere.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createReign } from '../../../../cluster/leadership.ts';
import { createArchivingDuty } from '../../../../scheduler/loop/archiver.ts';
import type { Engine, LogChunk } from '../../../../scheduler/engines/port.ts';
import { keys } from '../../../../store/keys.ts';
import { archiveName, readArchive } from '../../../../store/logs/archive.ts';
import { AppError } from '../../../../store/model/errors.ts';
import type { AttemptKey, TaskId } from '../../../../store/model/ids.ts';
import type { CompleteTask } from '../../../../store/model/run.ts';
import type { ObjectStore } from '../../../../store/objects/port.ts';
import { openFilesStore } from '../../../../store/objects/files/files-store.ts';
import { archiveRecord, taskRecord } from '../../../../store/records/run-records.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../../store/state/port.ts';
import { eventually } from '../../../eventually.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';
import { NOON, aRunningRun } from '../../worlds.ts';

const ATTEMPT: AttemptKey = { ...aRunningRun(), taskId: 'build' as TaskId, attempt: 1 };
const { namespaceId, pipelineId, runId, taskId } = ATTEMPT;
const TASK: CompleteTask = {
  ...{ namespaceId, pipelineId, runId, taskId, created: NOON, state: 'complete', status: 'successful' },
  ...{ statusReason: null, exitCode: 0, startedAt: NOON, ended: NOON, logs: 'engine', carriedFrom: 0 },
  past: [{ attempt: 1, startedAt: NOON, endedAt: NOON, end: { kind: 'exited', code: 0 } }],
};

interface World {
  readonly state: StateStore;
  readonly objects: ObjectStore;
  readonly forgotten: string[];
  put(task: CompleteTask): Promise<void>;
  logs(): Promise<CompleteTask['logs']>;
  /** Resolves when the attempt was let go. */
  archived(): Promise<void>;
}

/** `log` is what the engine holds; it runs while the copy is being made. */
async function aWorld(log: (world: World) => AsyncIterable<LogChunk>): Promise<World> {
  const directory = await temporaryDirectory();
  const objects = join(directory.path, 'objects');
  mkdirSync(objects);
  const state = createMemoryStore();
  const forgotten: string[] = [];
  const key = keys.task(ATTEMPT);
  const world: World = {
    state,
    objects: await openFilesStore({ directory: objects }),
    forgotten,
    put: async (task) => {
      await state.commit({ compares: [], writes: [{ op: 'put', key, value: taskRecord.encode(task) }] });
    },
    logs: async () => {
      const task = taskRecord.decode((await state.get(key))?.value ?? '');
      return task.state === 'complete' ? task.logs : 'none';
    },
    archived: () => eventually(() => expect(forgotten).toHaveLength(1)),
  };
  const engine = {
    kind: 'process',
    logs: () => log(world),
    forget: (id: string) => Promise.resolve(void forgotten.push(id)),
  } as unknown as Engine;
  const quiet = () => undefined;
  const duty = createArchivingDuty({ ...world, engine, log: { debug: quiet, info: quiet, warn: quiet, error: quiet } });
  const { revision: term } = await state.commit({
    compares: [],
    writes: [
      { op: 'put', key: keys.leader(), value: 'n' },
      { op: 'put', key: keys.archive(ATTEMPT), value: archiveRecord.encode({ engine: 'process', endedAt: NOON }) },
    ],
  });
  const reign = createReign({ term, sentAtMs: 0, holdMs: Number.MAX_SAFE_INTEGER, monotonicMs: () => 0 });
  await world.put(TASK);
  const over = duty.run(reign.leadership);
  onTestFinished(async () => {
    reign.end('the test is over');
    await over;
    await world.objects.close();
    await directory[Symbol.asyncDispose]();
  });
  return world;
}

const chunk = (text: string): LogChunk => ({ stream: 'stdout', at: NOON, bytes: Buffer.from(text) });

async function textIn({ objects }: World): Promise<string> {
  let text = '';
  for await (const { bytes } of readArchive(objects, archiveName(ATTEMPT))) text += Buffer.from(bytes).toString();
  return text;
}

test('a log is copied, the task says where it is, and the engine may forget it', async () => {
  const world = await aWorld(async function* () {
    yield chunk('one\n');
    yield chunk('two\n');
  });
  await world.archived();
  expect(await textIn(world)).toBe('one\ntwo\n');
  expect(await world.logs()).toBe('archived');
  expect(await world.state.get(keys.archive(ATTEMPT))).toBeNull();
});

test.each([
  [
    'empty',
    async function* () {
      // Nothing was printed.
    },
  ],
  [
    'none',

    async function* () {
      throw new AppError('not_found', 'Not Found');
    },
  ],
] as const)('a log that is %s leaves no archive', async (place, log) => {
  const world = await aWorld(log as () => AsyncIterable<LogChunk>);
  await world.archived();
  expect(await world.logs()).toBe(place);
  expect(await world.objects.stat(archiveName(ATTEMPT))).toBeNull();
});

test('a log that is removed while it is copied lands nowhere', async () => {
  const world = await aWorld(async function* ({ put }) {
    yield chunk('secret\n');
    await put({ ...TASK, logs: 'removed' });
    yield chunk('more\n');
  });
  await world.archived();
  expect(await world.logs()).toBe('removed');
  expect(await world.objects.stat(archiveName(ATTEMPT))).toBeNull();
});

test('a pipeline that is deleted while a log of it is copied leaves no archive', async () => {
  const world = await aWorld(async function* ({ state }) {
    yield chunk('one\n');
    const writes = [keys.task(ATTEMPT), keys.archive(ATTEMPT)].map((key) => ({ op: 'delete', key }) as const);
    await state.commit({ compares: [], writes });
  });
  await world.archived();
  expect(await world.objects.stat(archiveName(ATTEMPT))).toBeNull();
});

test("a task whose record changes in the commit's way is settled all the same", async () => {
  let changes = 0;
  const world = await aWorld(async function* () {
    yield chunk('one\n');
  });
  const { commit } = world.state;
  world.state.commit = async (transaction) => {
    if (transaction.writes.some(({ op }) => op === 'delete') && changes < 2) {
      changes += 1;
      await commit.call(world.state, {
        compares: [],
        writes: [{ op: 'put', key: keys.task(ATTEMPT), value: taskRecord.encode({ ...TASK, exitCode: changes }) }],
      });
    }
    return commit.call(world.state, transaction);
  };
  await world.archived();
  expect(await world.logs()).toBe('archived');
  expect(changes).toBe(2);
});
