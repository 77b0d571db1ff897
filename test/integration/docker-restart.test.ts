// A Docker daemon that was killed while it started a container. What it then wrote of the container is that it was never started, and
// its events are gone; the body ran all the same. Such a daemon is made here by taking the words out of its own files.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DockerForChaos } from '../../chaos/session/docker.ts';
import { dockerForChaos, dockerReady } from '../../chaos/session/docker.ts';
import type { Piece } from '../../chaos/local-cluster/piece.ts';
import { createDockerEngine } from '../../scheduler/engines/docker/engine.ts';
import type { DockerEngine, DockerEngineOptions } from '../../scheduler/engines/docker/engine.ts';
import { parseContainerList } from '../../scheduler/engines/docker/answers-parse.ts';
import { createDockerClient } from '../../scheduler/engines/docker/client.ts';
import type { AttemptSpec } from '../../scheduler/engines/port.ts';
import { aSpec, freshId, lookupOne, readLog, submit, whenEnded, whenPrinted } from '../conformance/engine-world.ts';
import { ensureDocker } from '../docker/ensure-docker.mjs';
import { eventually } from '../eventually.ts';
import { aMinuteLater } from './docker-world.ts';

const INSTALLATION = 'restart';

let docker: DockerForChaos;
beforeAll(async () => {
  // Installs what a daemon needs.
  await ensureDocker();
  docker = await dockerForChaos('docker', () => undefined);
}, 120_000);
afterAll(() => docker[Symbol.asyncDispose]());

const address = () => ({ kind: 'socket', path: docker.options.socket }) as const;

function open(options: Partial<DockerEngineOptions> = {}): DockerEngine {
  return createDockerEngine({ address: address(), installation: INSTALLATION, ...options });
}

function body(script: string): AttemptSpec {
  return aSpec(freshId(), { image: docker.options.image, entrypoint: null, command: ['/bin/sh', '-c', script] });
}

function daemon(): Piece {
  if (docker.options.daemon === null) throw new Error('this test needs a daemon of its own (unset DOCKER_HOST)');
  return docker.options.daemon;
}

/** Ids of all containers; each is a body that began or will. */
async function containers(): Promise<readonly string[]> {
  const client = createDockerClient({ address: address() });
  try {
    const answer = await client.expect({ method: 'GET', path: '/containers/json', query: { all: '1' } }, [200]);
    return parseContainerList(answer.body)
      .filter(({ attempt }) => attempt !== null)
      .map(({ containerId }) => containerId);
  } finally {
    await client.close();
  }
}

const NEVER = '0001-01-01T00:00:00Z';
/** Its start was not written down, its end was: the daemon that came next saw the body end. */
const END_ONLY = { StartedAt: NEVER };
/** Neither was. */
const NOTHING = { Running: false, Pid: 0, StartedAt: NEVER, FinishedAt: NEVER, ExitCode: 0 };

/** Killed as if in the middle of starting this one. */
async function killInTheMiddleOfStarting(containerId: string, written: object): Promise<void> {
  await daemon().kill();
  const file = path.join(path.dirname(docker.options.socket), 'data', 'containers', containerId, 'config.v2.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as { readonly State: object };
  writeFileSync(file, JSON.stringify({ ...config, State: { ...config.State, ...written } }));
  await daemon().start();
  await dockerReady(docker.options.socket, daemon());
}

async function onlyNew(before: readonly string[]): Promise<string> {
  const [containerId = '', ...others] = (await containers()).filter((id) => !before.includes(id));
  expect(others).toEqual([]);
  return containerId;
}

async function withEngine(use: (engine: DockerEngine) => Promise<void>, options: Partial<DockerEngineOptions> = {}) {
  const engine = open(options);
  try {
    await use(engine);
  } finally {
    await engine.close();
  }
}

/** Runs the body until it has begun, or to its end, and gives the container. */
async function began(spec: AttemptSpec, { toTheEnd }: { readonly toTheEnd: boolean }): Promise<string> {
  const before = await containers();
  await withEngine(async (engine) => {
    await submit(engine, spec);
    if (toTheEnd) await whenEnded(engine, spec.id);
    else await whenPrinted(engine, spec.id, 'begun');
  });
  return onlyNew(before);
}

test('docker restart: of a body only the end is known: it is told, and nothing is started again', async () => {
  const before = await containers();
  const spec = body('echo begun; exit 3');
  const containerId = await began(spec, { toTheEnd: true });
  await killInTheMiddleOfStarting(containerId, END_ONLY);
  await withEngine(async (engine) => {
    const ended = { state: 'ended', end: { kind: 'exited', code: 3 } };
    expect(await lookupOne(engine, spec.id)).toMatchObject(ended);
    expect(await submit(engine, spec)).toMatchObject(ended);
    expect((await readLog(engine, spec.id)).stdout.toString()).toBe('begun\n');
  });
  expect(await onlyNew(before)).toBe(containerId);
});

test.each([
  { name: 'ended while no daemon was there', script: 'echo begun', toTheEnd: true },
  { name: 'runs', script: 'echo begun; sleep 20', toTheEnd: false },
])('docker restart: a body $name, and nothing is known of it: lost after a while, never started again', async (row) => {
  const before = await containers();
  const spec = body(row.script);
  const containerId = await began(spec, row);
  await killInTheMiddleOfStarting(containerId, NOTHING);
  await withEngine(async (engine) => {
    await expect(submit(engine, spec)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await engine.lookup([spec.id], { fence: true })).toMatchObject([{ id: spec.id, state: 'unclear' }]);
    expect((await lookupOne(engine, spec.id)).state).toBe('pending');
  });
  await withEngine(async (engine) => {
    const why = expect.stringContaining('killed while it started') as unknown;
    const told = { state: 'ended', end: { kind: 'lost', why } };
    expect(await submit(engine, spec)).toMatchObject(told);
    expect(await submit(engine, spec)).toMatchObject(told);
    expect(await onlyNew(before)).toBe(containerId);
    expect((await readLog(engine, spec.id)).stdout.toString()).toBe('begun\n');
    await engine.forget(spec.id);
  }, aMinuteLater(address()));
  expect(await containers()).not.toContain(containerId);
});

test('docker restart: a container that was removed by half before its body began: its name is free, and the body begins', async () => {
  const before = await containers();
  const spec = body('echo begun');
  const containerId = await began(spec, { toTheEnd: true });
  await killInTheMiddleOfStarting(containerId, { ...NOTHING, Dead: true });
  await withEngine(async (engine) => {
    expect((await submit(engine, spec)).state).not.toBe('unknown');
    expect((await whenEnded(engine, spec.id)).end).toEqual({ kind: 'exited', code: 0 });
    expect(await onlyNew(before)).not.toBe(containerId);
    await engine.forget(spec.id);
  });
});

test('docker restart: a body that was forgotten by half has no log any more, and is forgotten', async () => {
  const spec = body('echo begun; exit 3');
  const containerId = await began(spec, { toTheEnd: true });
  await killInTheMiddleOfStarting(containerId, { Dead: true });
  await withEngine(async (engine) => {
    expect(await lookupOne(engine, spec.id)).toMatchObject({ state: 'ended', end: { kind: 'exited', code: 3 } });
    await expect(readLog(engine, spec.id)).rejects.toMatchObject({ code: 'not_found' });
    await engine.forget(spec.id);
  });
  expect(await containers()).not.toContain(containerId);
});

test('docker restart: a container that was only created, and whose daemon was killed then, is started by the next submit', async () => {
  const before = await containers();
  const spec = body('echo begun');
  const first = open();
  // Under way to the start when everything goes.
  const submitted = submit(first, spec).catch(() => undefined);
  await eventually(async () => expect((await containers()).length).toBeGreaterThan(before.length));
  await daemon().kill();
  await submitted;
  await first.close();
  await daemon().start();
  await dockerReady(docker.options.socket, daemon());
  const later = open(aMinuteLater(address()));
  // Whatever the kill came upon: the body ran once in all, or is lost.
  const ended = await eventually(async () => {
    await submit(later, spec);
    return whenEnded(later, spec.id, 1_000);
  }, 30_000);
  expect([{ kind: 'exited', code: 0 }, { kind: 'exited', code: 137 }, { kind: 'lost' }]).toContainEqual(
    ended.end.kind === 'lost' ? { kind: 'lost' } : ended.end,
  );
  await later.close();
});
