// Archiving on the memory store: every log lands in the object store, and one that nobody may read any more lands nowhere.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createArchivingDuty } from '../../../../scheduler/loop/archiver.ts';
import { rankOf } from '../../../../scheduler/loop/share-work.ts';
import type { Engine, LogChunk } from '../../../../scheduler/engines/port.ts';
import { keys } from '../../../../store/keys.ts';
import { archiveName, readArchive, writeArchive } from '../../../../store/logs/archive.ts';
import { AppError } from '../../../../store/model/errors.ts';
import type { AttemptKey, RunId, TaskId } from '../../../../store/model/ids.ts';
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
  /** Starts the duty of one more node. */
  join(node: NodeOptions): void;
}

interface NodeOptions {
  readonly nodeId: string;
  /** Who shares the work, as this node sees it. */
  readonly sharers: () => readonly string[];
  readonly log: (world: World) => AsyncIterable<LogChunk>;
}

const ONE = 'n1';

/** A store with one duty, and no node yet. */
async function anEmptyWorld(): Promise<World> {
  const directory = await temporaryDirectory();
  const objects = join(directory.path, 'objects');
  mkdirSync(objects);
  const state = createMemoryStore();
  const forgotten: string[] = [];
  const stops: (() => Promise<void>)[] = [];
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
    archived: () => eventually(() => expect(forgotten.length).toBeGreaterThan(0)),
    join: (node) => stops.push(startNode(world, node)),
  };
  await state.commit({
    compares: [],
    writes: [
      { op: 'put', key: keys.member(ONE), value: 'n' },
      { op: 'put', key: keys.archive(ATTEMPT), value: archiveRecord.encode({ engine: 'process', endedAt: NOON }) },
    ],
  });
  await world.put(TASK);
  onTestFinished(async () => {
    await Promise.all(stops.map((stop) => stop()));
    await world.objects.close();
    await directory[Symbol.asyncDispose]();
  });
  return world;
}

function startNode(world: World, { nodeId, sharers, log }: NodeOptions): () => Promise<void> {
  const engine = {
    kind: 'process',
    logs: () => log(world),
    forget: (id: string) => Promise.resolve(void world.forgotten.push(id)),
  } as unknown as Engine;
  const quiet = () => undefined;
  const duty = createArchivingDuty({ ...world, engine, log: { debug: quiet, info: quiet, warn: quiet, error: quiet } });
  const leaving = new AbortController();
  const over = duty.run({
    nodeId,
    fence: { target: 'create', key: keys.member(ONE), equals: 1 },
    signal: leaving.signal,
    isAlive: (id) => sharers().includes(id),
    memberCount: () => sharers().length,
    sharers,
  });
  return async () => {
    leaving.abort();
    await over;
  };
}

/** `log` is what the engine holds; it runs while the copy is being made. */
async function aWorld(log: (world: World) => AsyncIterable<LogChunk>): Promise<World> {
  const world = await anEmptyWorld();
  world.join({ nodeId: ONE, sharers: () => [ONE], log });
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

test('a log that was archived before, and is forgotten by the engine, is said to be archived', async () => {
  const world = await anEmptyWorld();
  await writeArchive(
    world.objects,
    archiveName(ATTEMPT),
    (async function* () {
      yield chunk('one\n');
    })(),
  );
  world.join({
    nodeId: ONE,
    sharers: () => [ONE],
    log: async function* () {
      throw new AppError('not_found', 'Not Found');
    },
  });
  await world.archived();
  expect(await world.logs()).toBe('archived');
  expect(await textIn(world)).toBe('one\n');
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

test('a duty that is written anew while its log is copied is settled too', async () => {
  let copies = 0;
  const world = await aWorld(async function* ({ state }) {
    copies += 1;
    yield chunk('one\n');
    if (copies > 1) return;
    const duty = archiveRecord.encode({ engine: 'process', endedAt: NOON + 1 });
    await state.commit({ compares: [], writes: [{ op: 'put', key: keys.archive(ATTEMPT), value: duty }] });
  });
  await eventually(async () => expect(await world.state.get(keys.archive(ATTEMPT))).toBeNull());
  expect(await world.logs()).toBe('archived');
  expect(await textIn(world)).toBe('one\n');
});

describe('several nodes', () => {
  const nodes = ['n1', 'n2', 'n3'];
  const owner = nodes.find((nodeId) => rankOf({ key: keys.archive(ATTEMPT), nodeId, sharers: nodes }) === 0) ?? '';
  const second = nodes.find((nodeId) => rankOf({ key: keys.archive(ATTEMPT), nodeId, sharers: nodes }) === 1) ?? '';

  afterEach(() => {
    vi.useRealTimers();
  });

  /** A log of this node; tells who read it. */
  const told = (readers: string[], nodeId: string) =>
    async function* (): AsyncGenerator<LogChunk> {
      readers.push(nodeId);
      yield chunk(`copied by ${nodeId}`);
    };

  test('one of them copies, without a write more than one node alone makes', async () => {
    const readers: string[] = [];
    const world = await anEmptyWorld();
    const commits = countCommits(world.state);
    for (const nodeId of nodes) world.join({ nodeId, sharers: () => nodes, log: told(readers, nodeId) });
    await world.archived();
    expect(readers).toEqual([owner]);
    expect(commits()).toBe(1);
    expect(await world.logs()).toBe('archived');
  });

  test('what the first one leaves undone the next one takes over, after a while', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const readers: string[] = [];
    const world = await anEmptyWorld();
    for (const nodeId of nodes) {
      if (nodeId !== owner) world.join({ nodeId, sharers: () => nodes, log: told(readers, nodeId) });
    }
    await vi.advanceTimersByTimeAsync(9_900);
    expect(readers).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    vi.useRealTimers();
    await world.archived();
    expect(readers).toEqual([second]);
    expect(await textIn(world)).toBe(`copied by ${second}`);
  });

  test('two that copy at once leave one whole archive, and settle it once', async () => {
    const readers: string[] = [];
    const world = await anEmptyWorld();
    // They do not agree on who is there, as in the moment of a change.
    for (const nodeId of nodes) world.join({ nodeId, sharers: () => [nodeId], log: told(readers, nodeId) });
    await eventually(() => expect(world.forgotten).toHaveLength(3));
    expect(readers.toSorted()).toEqual(nodes);
    expect(await textIn(world)).toMatch(/^copied by n\d$/);
    expect(await world.logs()).toBe('archived');
    expect(await world.state.get(keys.archive(ATTEMPT))).toBeNull();
  });

  test('a copy that comes after the log was removed everywhere goes again', async () => {
    const world = await anEmptyWorld();
    let go = () => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    world.join({
      nodeId: 'n1',
      sharers: () => ['n1'],
      log: async function* () {
        yield chunk('late ');
        await held;
        yield chunk('copy');
      },
    });
    await world.put({ ...TASK, logs: 'removed' });
    await world.state.commit({ compares: [], writes: [{ op: 'delete', key: keys.archive(ATTEMPT) }] });
    go();
    await world.archived();
    expect(await world.logs()).toBe('removed');
    expect(await world.objects.stat(archiveName(ATTEMPT))).toBeNull();
  });

  test('a node whose engine is not the one of the cluster copies nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const readers: string[] = [];
    const world = await anEmptyWorld();
    world.join({ nodeId: 'n9', sharers: () => nodes, log: told(readers, 'n9') });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(readers).toEqual([]);
    expect(await world.state.get(keys.archive(ATTEMPT))).not.toBeNull();
  });

  test('a node that is no member any more settles nothing', async () => {
    const world = await anEmptyWorld();
    await world.state.commit({ compares: [], writes: [{ op: 'delete', key: keys.member(ONE) }] });
    const readers: string[] = [];
    world.join({ nodeId: ONE, sharers: () => [ONE], log: told(readers, ONE) });
    await eventually(async () => expect(await world.objects.stat(archiveName(ATTEMPT))).not.toBeNull());
    expect(await world.logs()).toBe('engine');
    expect(world.forgotten).toEqual([]);
  });
});

test('many logs are settled in a few transactions', async () => {
  const world = await anEmptyWorld();
  const runs = Array.from({ length: 300 }, (_, at) => ({ ...ATTEMPT, runId: (at + 2) as RunId }));
  for (const attempt of runs) {
    await world.state.commit({
      compares: [],
      writes: [
        { op: 'put', key: keys.task(attempt), value: taskRecord.encode({ ...TASK, runId: attempt.runId }) },
        { op: 'put', key: keys.archive(attempt), value: archiveRecord.encode({ engine: 'process', endedAt: NOON }) },
      ],
    });
  }
  const commits = countCommits(world.state);
  world.join({
    nodeId: ONE,
    sharers: () => [ONE],
    log: async function* () {
      yield chunk('one\n');
    },
  });
  await eventually(() => expect(world.forgotten).toHaveLength(301));
  expect(commits()).toBeLessThan(100);
  for (const attempt of runs) {
    const task = taskRecord.decode((await world.state.get(keys.task(attempt)))?.value ?? '');
    expect(task).toMatchObject({ logs: 'archived' });
    expect(await world.objects.stat(archiveName(attempt))).not.toBeNull();
  }
});

function countCommits(state: StateStore): () => number {
  const { commit } = state;
  let count = 0;
  state.commit = (transaction) => {
    count += 1;
    return commit.call(state, transaction);
  };
  return () => count;
}
