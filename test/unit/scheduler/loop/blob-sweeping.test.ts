// Sweeping blobs on the memory store: what nothing points to goes, and nothing else does.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createReign } from '../../../../cluster/leadership.ts';
import { createBlobSweepingDuty } from '../../../../scheduler/loop/blob-sweeping.ts';
import { keys, scopes } from '../../../../store/keys.ts';
import { archiveName } from '../../../../store/logs/archive.ts';
import type { AttemptKey, TaskId } from '../../../../store/model/ids.ts';
import type { CompleteTask } from '../../../../store/model/run.ts';
import { newBlobName } from '../../../../store/objects/blob-name.ts';
import { openFilesStore } from '../../../../store/objects/files/files-store.ts';
import { objectKeyRecord } from '../../../../store/records/blob-records.ts';
import { archiveRecord, runRecord, taskRecord } from '../../../../store/records/run-records.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import { eventually } from '../../../eventually.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';
import { NOON, aRunningRun } from '../../worlds.ts';

const RUN = aRunningRun();

async function aWorld() {
  const directory = await temporaryDirectory();
  mkdirSync(join(directory.path, 'objects'));
  const state = createMemoryStore();
  const objects = await openFilesStore({ directory: join(directory.path, 'objects') });
  const logged: object[] = [];
  onTestFinished(async () => {
    await objects.close();
    await directory[Symbol.asyncDispose]();
  });
  const names = async () => {
    const found: string[] = [];
    for await (const name of objects.list('')) found.push(name);
    return found.sort();
  };
  return {
    state,
    objects,
    logged,
    names,
    put: (key: string, value: string) => state.commit({ compares: [], writes: [{ op: 'put', key, value }] }),
    blob: async (name: string) => {
      await objects.put(name, bytes());
      return name;
    },
    /** Sweeps until the test is over. */
    sweep(settings = { intervalMs: 5, graceMs: 20 }) {
      const take = (fields: object) => void logged.push(fields);
      const log = { debug: take, info: take, warn: take, error: take };
      const reign = createReign({ term: 1, sentAtMs: 0, holdMs: Number.MAX_SAFE_INTEGER, monotonicMs: () => 0 });
      const over = createBlobSweepingDuty({ state, objects, settings, log }).run(reign.leadership);
      onTestFinished(async () => {
        reign.end('the test is over');
        await over;
      });
    },
  };
}

async function* bytes() {
  yield Buffer.from('bytes');
}

function sweptIn(logged: readonly object[]): number {
  return logged.reduce((sum, fields) => sum + ('blobs' in fields ? Number(fields.blobs) : 0), 0);
}

const blobOf = (key: string, id: string) => newBlobName({ scope: scopes.pipeline(RUN), key, id });
const recordOf = (key: string, blobName: string) =>
  objectKeyRecord.encode({ key, created: NOON, modified: NOON, size: 5, sha256: '', blobName });
const attempt = (taskId: string): AttemptKey => ({ ...RUN, taskId: taskId as TaskId, attempt: 1 });

function complete(taskId: string, logs: CompleteTask['logs'], runId = RUN.runId): CompleteTask {
  return {
    ...{ namespaceId: RUN.namespaceId, pipelineId: RUN.pipelineId, runId, taskId: taskId as TaskId, created: NOON },
    ...{ state: 'complete', status: 'successful', statusReason: null, exitCode: 0, startedAt: NOON, ended: NOON },
    ...{ past: [], logs, carriedFrom: 0 },
  };
}

test('blobs that no record points to go; those that one points to stay', async () => {
  const world = await aWorld();
  const kept = await world.blob(blobOf('report', '1'));
  await world.put(keys.object(scopes.pipeline(RUN), 'report'), recordOf('report', kept));
  await world.blob(blobOf('report', '0'));
  await world.blob(blobOf('never-recorded', '2'));
  const foreign = await world.blob('something/else');
  world.sweep();
  await eventually(async () => expect(await world.names()).toEqual([kept, foreign].sort()));
  // In one sweep or in two, and said a moment after they have gone.
  await eventually(() => expect(sweptIn(world.logged)).toBe(2));
});

test('a blob whose record comes within the grace stays', async () => {
  const world = await aWorld();
  const name = await world.blob(blobOf('slow', '1'));
  const witness = await world.blob(blobOf('witness', '1'));
  const list = world.objects.list.bind(world.objects);
  let looks = 0;
  world.objects.list = async function* (prefix) {
    looks += 1;
    if (looks === 3) await world.put(keys.object(scopes.pipeline(RUN), 'slow'), recordOf('slow', name));
    yield* list(prefix);
  };
  world.sweep();
  await eventually(async () => expect(await world.names()).not.toContain(witness));
  expect(await world.names()).toEqual([name]);
});

test('logs go when their task says so, or when the whole run is gone; copies under way stay', async () => {
  const world = await aWorld();
  await world.put(keys.run(RUN), runRecord.encode(RUN));
  for (const logs of ['archived', 'removed', 'expired', 'engine'] as const) {
    await world.put(keys.task(attempt(logs)), taskRecord.encode(complete(logs, logs)));
    await world.blob(archiveName(attempt(logs)));
  }
  await world.blob(archiveName(attempt('unrecorded')));
  const gone = { ...attempt('gone'), runId: 99 as typeof RUN.runId };
  const copied = { ...attempt('copied'), runId: 98 as typeof RUN.runId };
  await world.blob(archiveName(gone));
  await world.blob(archiveName(copied));
  await world.put(keys.archive(copied), archiveRecord.encode({ engine: 'process', endedAt: NOON }));
  world.sweep();
  const stay = [attempt('archived'), attempt('engine'), attempt('unrecorded'), copied].map(archiveName);
  await eventually(async () => expect(await world.names()).toEqual(stay.sort()));
});

test('a record that cannot be read keeps its blob', async () => {
  const world = await aWorld();
  const name = await world.blob(blobOf('damaged', '1'));
  const witness = await world.blob(blobOf('witness', '1'));
  await world.put(keys.object(scopes.pipeline(RUN), 'damaged'), 'not a record');
  world.sweep();
  await eventually(async () => expect(await world.names()).not.toContain(witness));
  expect(await world.names()).toEqual([name]);
});
