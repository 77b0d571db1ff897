// Docker: what a death in the middle of a start, or of undoing one, leaves behind, and what the next leader makes of it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DockerEngine } from '../../scheduler/engines/docker/engine.ts';
import type { LookUpAnswer } from '../../scheduler/engines/port.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { aSpec, freshId, lookupOne, readLog, submit, whenEnded } from '../conformance/engine-world.ts';
import { eventually } from '../eventually.ts';
import type { DockerWorld } from './docker-world.ts';
import { aMinuteLater, dockerWorld, hasMark, leaveSettlingMark, shell } from './docker-world.ts';

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

const hello = (id: AttemptId) => aSpec(id, shell('echo hello'));

async function fence(id: AttemptId, by = engine): Promise<LookUpAnswer | undefined> {
  const [report] = await by.lookup([id], { fence: true });
  return report;
}

async function removeContainer(containerId: string): Promise<void> {
  const call = { method: 'DELETE', path: `/containers/${containerId}` } as const;
  await world.probe.client.expect(call, [204]);
}

async function expectOneBody(id: AttemptId): Promise<void> {
  expect((await submit(engine, hello(id))).state).not.toBe('unknown');
  expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 0 });
  expect((await readLog(engine, id)).stdout.toString()).toBe('hello\n');
  expect(await world.probe.starts(id)).toBe(1);
}

test('a container that was created and never started: the fence removes it, a late start of it fails, a submit starts the body', async () => {
  const id = freshId();
  const containerId = await world.probe.createOnly(hello(id));
  expect(await fence(id)).toEqual({ id, state: 'unknown' });
  expect(await world.probe.start(containerId)).toBe(404);
  expect(await hasMark(world, id, 'settling')).toBe(false);
  await expectOneBody(id);
});

test('a death before the removal: the next leader goes on with it', async () => {
  const id = freshId();
  await leaveSettlingMark(world, id, await world.probe.createOnly(hello(id)));
  expect(await fence(id)).toEqual({ id, state: 'unknown' });
  await expectOneBody(id);
});

test('a death after the removal: the daemon remembers that nothing was started, and the body is started now', async () => {
  const id = freshId();
  const containerId = await world.probe.createOnly(hello(id));
  await leaveSettlingMark(world, id, containerId);
  await removeContainer(containerId);
  expect(await fence(id)).toEqual({ id, state: 'unknown' });
  await expectOneBody(id);
});

test('the same, when the next leader submits without a look', async () => {
  const id = freshId();
  const containerId = await world.probe.createOnly(hello(id));
  await leaveSettlingMark(world, id, containerId);
  await removeContainer(containerId);
  await expectOneBody(id);
});

test('a body that ran while its start was being undone is lost, and never started again', async () => {
  const id = freshId();
  const containerId = await world.probe.createOnly(hello(id));
  await leaveSettlingMark(world, id, containerId);
  expect(await world.probe.start(containerId)).toBe(204);
  await eventually(async () => expect(await world.probe.isAlive(id)).toBe(false));
  await removeContainer(containerId);
  expect(await fence(id)).toMatchObject({ state: 'ended', end: { kind: 'lost' } });
  expect((await submit(engine, hello(id))).state).toBe('ended');
  expect((await lookupOne(engine, id)).state).toBe('ended');
  expect(await world.probe.starts(id)).toBe(1);
});

test('a daemon that has forgotten: not answered while somebody may be at it, then lost', async () => {
  const id = freshId();
  await leaveSettlingMark(world, id, 'a-container-of-long-ago');
  const sound = freshId();
  expect(await engine.lookup([sound, id], { fence: true })).toMatchObject([
    { state: 'unknown' },
    { id, state: 'unclear' },
  ]);
  const later = await world.open(aMinuteLater(world.address));
  try {
    expect(await fence(id, later)).toMatchObject({ state: 'ended', end: { kind: 'lost' } });
  } finally {
    await later.close();
  }
  expect(await world.probe.starts(id)).toBe(0);
});
