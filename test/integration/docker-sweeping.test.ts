// Sweeping on a real daemon: our left-overs go; running bodies, wanted ones and everything of anybody else stay.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createReign } from '../../cluster/leadership.ts';
import { parseContainerList, parseId } from '../../scheduler/engines/docker/answers-parse.ts';
import { containerName, createBody, INSTALLATION_LABEL } from '../../scheduler/engines/docker/container-spec.ts';
import type { DockerEngine } from '../../scheduler/engines/docker/engine.ts';
import { createSweepingDuty } from '../../scheduler/loop/sweeping.ts';
import { keys } from '../../store/keys.ts';
import { parseAttemptId } from '../../store/model/ids.ts';
import type { AttemptId, TaskKey } from '../../store/model/ids.ts';
import { taskRecord } from '../../store/records/run-records.ts';
import { createMemoryStore } from '../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../store/state/port.ts';
import { aSpec, freshId, lookupOne, submit, whenEnded, whenRunning } from '../conformance/engine-world.ts';
import { eventually } from '../eventually.ts';
import type { DockerWorld } from './docker-world.ts';
import { dockerWorld, hasMark, leaveSettlingMark, shell, worldOn } from './docker-world.ts';

let world: DockerWorld;
let engine: DockerEngine;
beforeAll(async () => {
  world = await dockerWorld();
  engine = await world.open();
});
afterAll(async () => {
  await engine.close();
  await world.dispose();
});

/** Sweeps until the signal, with a short grace. */
async function sweepUntil(state: StateStore, swept: () => Promise<void>): Promise<void> {
  const ignore = () => undefined;
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const reign = createReign({ term: 1, sentAtMs: 0, holdMs: Number.MAX_SAFE_INTEGER, monotonicMs: () => 0 });
  const duty = createSweepingDuty({ state, engine, settings: { intervalMs: 50, graceMs: 200 }, log });
  const over = duty.run(reign.leadership);
  try {
    await eventually(swept);
  } finally {
    reign.end('swept');
    await over;
  }
}

function taskOf(id: AttemptId): TaskKey {
  const key = parseAttemptId(id);
  if (key === null) throw new Error('an attempt id of ours');
  const { namespaceId, pipelineId, runId, taskId } = key;
  return { namespaceId, pipelineId, runId, taskId };
}

/** The record of a task whose first attempt is under way. */
async function want(state: StateStore, id: AttemptId): Promise<void> {
  const task = taskRecord.encode({
    ...taskOf(id),
    created: 1,
    past: [],
    state: 'running',
    attempt: 1,
    intentAt: 1,
    startedAt: 1,
    deadline: 0,
    stop: null,
  });
  await state.commit({ compares: [], writes: [{ op: 'put', key: keys.task(taskOf(id)), value: task }] });
}

async function start(id: AttemptId, text: string): Promise<AttemptId> {
  await submit(engine, aSpec(id, shell(text)));
  return id;
}

async function namesOf(installation: string): Promise<readonly string[]> {
  const filters = JSON.stringify({ label: [`${INSTALLATION_LABEL}=${installation}`] });
  const call = { method: 'GET', path: '/containers/json', query: { all: '1', filters } } as const;
  const listed = parseContainerList((await world.probe.client.expect(call, [200])).body);
  return listed.map(({ attempt }) => attempt ?? '').sort();
}

test('docker sweeping: what no record names is removed; running, wanted and foreign containers stay', async () => {
  const state = createMemoryStore();
  const other = await worldOn(world.address);
  try {
    const [ended, neverStarted, running, wanted] = [freshId(), freshId(), freshId(), freshId()];
    await start(ended, 'exit 3');
    await world.probe.createOnly(aSpec(neverStarted, shell('true')));
    await start(running, 'sleep 300');
    await want(state, await start(wanted, 'exit 0'));
    await whenEnded(engine, ended);
    await whenEnded(engine, wanted);
    await whenRunning(engine, running);
    // Another installation's container, and one without labels that has the very form of our names.
    const foreign = freshId();
    await other.probe.createOnly(aSpec(foreign, shell('true')));
    const { Labels: _labels, ...unlabelled } = createBody(
      { installation: world.installation, creator: 'probe' },
      aSpec(foreign, shell('true')),
    );
    const query = { name: containerName(world.installation, foreign) };
    const made = { method: 'POST', path: '/containers/create', query, body: unlabelled } as const;
    const strangerId = parseId((await world.probe.client.expect(made, [201])).body);

    await sweepUntil(state, async () => expect(await namesOf(world.installation)).toEqual([running, wanted].sort()));

    expect((await lookupOne(engine, running)).state).toBe('running');
    expect((await lookupOne(engine, wanted)).state).toBe('ended');
    expect(await namesOf(other.installation)).toEqual([foreign]);
    const stranger = { method: 'DELETE', path: `/containers/${strangerId}` } as const;
    expect((await world.probe.client.call(stranger)).status).toBe(204);
    expect((await submit(engine, aSpec(ended, shell('exit 3')))).state).toBe('unknown');
    expect(await world.probe.starts(ended)).toBe(1);
    await engine.stop(running, { graceMs: 0 });
  } finally {
    await other.dispose();
  }
});

test('docker sweeping: a settling mark that outlived its container is swept once nobody needs its answer', async () => {
  const id = freshId();
  await leaveSettlingMark(world, id, 'a-container-of-long-ago');
  const state = createMemoryStore();
  await want(state, id);
  await sweepUntil(state, async () => expect((await engine.list()).map((report) => report.id)).toContain(id));
  expect(await hasMark(world, id, 'settling')).toBe(true);
  await engine.tidy();
  expect(await hasMark(world, id, 'settling')).toBe(true);
  await sweepUntil(createMemoryStore(), async () => expect(await hasMark(world, id, 'settling')).toBe(false));
  expect(await hasMark(world, id, 'forgotten')).toBe(true);
});

test('docker: tidying keeps the marks of what was forgotten just now', async () => {
  const id = await start(freshId(), 'exit 0');
  await whenEnded(engine, id);
  await engine.forget(id);
  await engine.tidy();
  expect(await hasMark(world, id, 'forgotten')).toBe(true);
  expect((await submit(engine, aSpec(id, shell('exit 0')))).state).toBe('unknown');
  expect(await world.probe.starts(id)).toBe(1);
});
