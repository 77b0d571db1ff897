// Images: pulled when missing or when asked for, with credentials and with words for the waiting; one that cannot be had is a reason,
// not a fault of the engine.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DockerEngine } from '../../scheduler/engines/docker/engine.ts';
import type { AttemptReport, AttemptSpec } from '../../scheduler/engines/port.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { aSpec, freshId, lookupOne, readLog, submit, whenEnded } from '../conformance/engine-world.ts';
import { openRegistry } from '../docker/fake-registry.ts';
import type { FakeRegistry } from '../docker/fake-registry.ts';
import { eventually } from '../eventually.ts';
import type { DockerWorld } from './docker-world.ts';
import { dockerWorld } from './docker-world.ts';

const LOGIN = { user: 'ann', pass: 'secret of ann' };
/** Nothing listens there. */
const NOWHERE = '127.0.0.1:1/gofer-test/nowhere:1';

let world: DockerWorld;
let engine: DockerEngine;
let open: FakeRegistry;
let closed: FakeRegistry;
const told: AttemptReport[] = [];
const watching = new AbortController();

beforeAll(async () => {
  world = await dockerWorld();
  open = await openRegistry(null);
  closed = await openRegistry(LOGIN);
  const pullLimits = { triesMax: 2, firstPauseMs: 50, silenceMs: 5_000, totalMs: 20_000 };
  engine = await world.open({ pullLimits });
  engine.watch({ changed: (report) => told.push(report), missed: () => undefined }, { signal: watching.signal });
});
afterAll(async () => {
  watching.abort();
  await engine.close();
  for (const { image } of [open, closed]) await removeImage(image);
  await open[Symbol.asyncDispose]();
  await closed[Symbol.asyncDispose]();
  await world.dispose();
});

async function removeImage(image: string): Promise<void> {
  const call = { method: 'DELETE', path: `/images/${image}`, query: { force: '1' } } as const;
  await world.probe.client.expect(call, [200, 404]);
}

function hello(id: AttemptId, image: string, options: Partial<AttemptSpec> = {}): AttemptSpec {
  return { ...aSpec(id, { image, entrypoint: null, command: ['echo', 'hello'] }), ...options };
}

const notesOf = (id: AttemptId) =>
  told.flatMap((report) => (report.id === id && report.state === 'pending' ? [report.note] : []));

async function expectHello(id: AttemptId): Promise<void> {
  expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 0 });
  expect((await readLog(engine, id)).stdout.toString()).toBe('hello\n');
  expect(await world.probe.starts(id)).toBe(1);
}

async function whyNotStarted(id: AttemptId): Promise<string> {
  const { end, startedAt } = await whenEnded(engine, id);
  expect([end.kind, startedAt]).toEqual(['not_started', 0]);
  await expect(readLog(engine, id)).rejects.toMatchObject({ code: 'not_found' });
  expect(await world.probe.starts(id)).toBe(0);
  return end.kind === 'not_started' ? end.why : '';
}

test('a missing image is pulled, the attempt says so while it waits, and the next one needs no pull', async () => {
  const [first, second] = [freshId(), freshId()];
  const accepted = await submit(engine, hello(first, open.image));
  expect(accepted).toMatchObject({ state: 'pending', note: `pulling image ${open.image}` });
  await expectHello(first);
  expect(notesOf(first)[0]).toBe(`pulling image ${open.image}`);
  const asked = open.manifests();
  expect(asked).toBeGreaterThan(0);
  await submit(engine, hello(second, open.image));
  await expectHello(second);
  expect(open.manifests()).toBe(asked);
});

test('an image that is there is asked for again only when the newest is wanted', async () => {
  await submit(engine, hello(freshId(), open.image));
  const asked = open.manifests();
  const id = freshId();
  await submit(engine, hello(id, open.image, { pull: 'always' }));
  await expectHello(id);
  expect(open.manifests()).toBeGreaterThan(asked);
});

test('credentials are sent to the registry', async () => {
  const id = freshId();
  await submit(engine, hello(id, closed.image, { registryAuth: LOGIN }));
  await expectHello(id);
});

test.each([
  { name: 'the registry does not have', image: () => open.missingImage, why: /manifest unknown|not found/i },
  {
    name: 'needs credentials that were not given',
    image: () => closed.missingImage,
    why: /unauthorized|no basic auth/i,
  },
  { name: 'no registry answers for', image: () => NOWHERE, why: /connection refused/i },
  { name: 'has an impossible name', image: () => 'No/Such Image:?', why: /invalid reference/i },
])('an image that $name: not started, with the image and the reason', async ({ image, why }) => {
  const id = freshId();
  await submit(engine, hello(id, image()));
  const told = await whyNotStarted(id);
  expect(told).toMatch(why);
  expect(told).toContain(image());
  expect((await submit(engine, hello(id, image()))).state).toBe('ended');
});

test('a registry that does not answer is tried again, and the attempt says so', async () => {
  const id = freshId();
  await submit(engine, hello(id, NOWHERE));
  await whyNotStarted(id);
  expect(notesOf(id).some((note) => note.includes('try 1 failed') && note.includes('trying again'))).toBe(true);
});

test('a stop during the pull ends the attempt before it starts, and disturbs nobody who waits for the same image', async () => {
  await removeAll(open.image);
  open.hold();
  const [stopped, waiting] = [freshId(), freshId()];
  try {
    await submit(engine, hello(stopped, open.image));
    await submit(engine, hello(waiting, open.image));
    await engine.stop(stopped, { graceMs: 60_000 });
    expect(await whyNotStarted(stopped)).toContain('stopped before it started');
    expect((await lookupOne(engine, waiting)).state).toBe('pending');
  } finally {
    open.go();
  }
  await expectHello(waiting);
});

/** Containers of earlier tests hold on to their image. */
async function removeAll(image: string): Promise<void> {
  for (const report of await engine.list()) if (report.state === 'ended') await engine.forget(report.id);
  await eventually(() => removeImage(image));
}
