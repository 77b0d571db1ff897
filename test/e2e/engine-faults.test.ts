// What goes wrong below a real server: bodies that cannot start, a daemon that goes away, very long logs. The server goes on, and the
// task says why.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressText, parseDockerHost } from '../../scheduler/engines/docker/address.ts';
import { createDockerClient } from '../../scheduler/engines/docker/client.ts';
import { parseAttemptId } from '../../store/model/ids.ts';
import { clearDaemon, openStartLog } from '../docker/daemon-probe.ts';
import { openProxy } from '../docker/daemon-proxy.ts';
import type { DaemonProxy } from '../docker/daemon-proxy.ts';
import { ensureDocker, TEST_IMAGE } from '../docker/ensure-docker.mjs';
import { openRegistry } from '../docker/fake-registry.ts';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { api, freePort, readLog, startServer } from './real-server.ts';
import type { RealServer } from './running-server.ts';

const MIB = 1_048_576;
/** All pipelines of this file; no other test has the name. */
const NAME = randomBytes(5).toString('hex');

let server: RealServer;
const closers: (() => PromiseLike<unknown>)[] = [];

async function serve(engine: 'process' | 'docker', environment: Readonly<Record<string, string>> = {}): Promise<void> {
  const directory = await temporaryDirectory();
  server = await startServer({
    dataDir: path.join(directory.path, 'data'),
    port: await freePort(),
    engine,
    environment,
  });
  closers.push(
    () => directory[Symbol.asyncDispose](),
    () => server.stop(),
  );
}

async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

interface TaskDocument {
  readonly image?: string;
  readonly command: readonly string[];
  readonly after?: string;
}

let pipelines = 0;

/** Registers, deploys and starts a pipeline; gives the place of its run. */
async function run(tasks: Readonly<Record<string, TaskDocument>>): Promise<string> {
  pipelines += 1;
  const id = `faults-${NAME}-${pipelines}`;
  const place = `/api/namespaces/default/pipelines/${id}`;
  const documents = Object.entries(tasks).map(([name, { image = TEST_IMAGE, command, after }]) => ({
    id: name,
    image,
    command,
    depends_on: after === undefined ? {} : { [after]: 'Success' },
  }));
  const config = { id, name: id, parallelism: 0, tasks: documents };
  expect(await api(server, 'POST', `${place}/configs`, { config })).toMatchObject({ status: 201 });
  expect(await api(server, 'POST', `${place}/configs/1`)).toMatchObject({ status: 201 });
  expect(await api(server, 'POST', `${place}/runs`, { variables: {} })).toMatchObject({ status: 201 });
  return `${place}/runs/1`;
}

async function runIs(place: string, wanted: object, limitMs?: number): Promise<void> {
  await eventually(async () => expect((await api(server, 'GET', place)).body).toMatchObject({ run: wanted }), limitMs);
}

async function taskIs(place: string, task: string, wanted: object): Promise<void> {
  await eventually(async () => {
    const { body } = await api(server, 'GET', `${place}/tasks/${task}`);
    expect(body).toMatchObject({ task_execution: wanted });
  });
}

/** The most memory that the server ever had; 0 where the system does not tell. */
function peakMemory(): number {
  if (process.platform !== 'linux') return 0;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) * 1_024;
}

const containing = (text: string): unknown => expect.stringContaining(text);
const FAILED = { state: 'complete', status: 'failed' };
const SUCCESSFUL = { state: 'complete', status: 'successful' };

/** The same for every engine with real bodies. */
function commonFaults(): void {
  test('a command that does not exist fails the task, with the reason', async () => {
    const place = await run({ only: { command: ['/no/such/command', 'x'] } });
    await runIs(place, { ...FAILED, status_reason: { reason: 'scheduler_error' } });
    await taskIs(place, 'only', {
      status: 'failed',
      status_reason: { reason: 'scheduler_error', description: containing('/no/such/command') },
      started: 0,
    });
  });

  test('100 MiB of output: every line is read over the API, and the server holds little of it', async () => {
    const line = 'x'.repeat(1_023);
    const text = `yes ${line} | head -c ${100 * MIB}`;
    await runIs(
      await run({ only: { command: ['/bin/sh', '-c', text.replaceAll(String(100 * MIB), String(MIB))] } }),
      SUCCESSFUL,
    );
    const before = peakMemory();
    const place = await run({ only: { command: ['/bin/sh', '-c', text] } });
    await runIs(place, SUCCESSFUL, 60_000);
    const log = await readLog(`${server.url}${place}/tasks/only/logs`);
    expect(log.length).toBe(100 * MIB);
    expect(log.startsWith(`${line}\n`) && log.endsWith(`\n${line}\n`)).toBe(true);
    expect(peakMemory() - before).toBeLessThan(100 * MIB);
  }, 120_000);
}

describe('process engine', () => {
  beforeAll(() => serve('process'));
  afterAll(closeAll);
  commonFaults();
});

describe('docker engine', () => {
  let proxy: DaemonProxy;
  beforeAll(async () => {
    const { dockerHost } = await ensureDocker();
    const daemon = parseDockerHost(dockerHost);
    const client = createDockerClient({ address: daemon });
    closers.push(() => client.close());
    proxy = await openProxy(daemon);
    closers.push(() => proxy[Symbol.asyncDispose]());
    closers.push(async () => {
      for (let n = 1; n <= pipelines; n += 1) await clearDaemon(client, `io.gofer.pipeline=faults-${NAME}-${n}`);
    });
    await serve('docker', { GOFER_WEB_SCHEDULER__DOCKER__HOST: addressText(proxy.address) });
  });
  afterAll(closeAll);
  commonFaults();

  test('an image that does not exist: the task says that it is pulled, then fails with the reason', async () => {
    await using registry = await openRegistry(null);
    registry.hold();
    const place = await run({ only: { image: registry.missingImage, command: ['true'] } });
    await taskIs(place, 'only', { state: 'processing', waiting_for: `pulling image ${registry.missingImage}` });
    registry.go();
    await runIs(place, { ...FAILED, status_reason: { reason: 'scheduler_error' } });
    await taskIs(place, 'only', {
      status_reason: { reason: 'scheduler_error', description: containing(registry.missingImage) },
    });
  });

  test('a daemon that goes away and comes back: tasks wait and say so, the API answers, every body runs once', async () => {
    const { dockerHost } = await ensureDocker();
    const client = createDockerClient({ address: parseDockerHost(dockerHost) });
    const log = await openStartLog(client);
    const first = await run({
      slow: { command: ['/bin/sh', '-c', 'sleep 1; echo slow'] },
      next: { command: ['/bin/sh', '-c', 'echo next'], after: 'slow' },
    });
    await taskIs(first, 'slow', { state: 'running' });
    await proxy.cut();
    const second = await run({ only: { command: ['/bin/sh', '-c', 'echo only'] } });
    await taskIs(second, 'only', { state: 'processing', waiting_for: 'The Docker daemon is not reachable.' });
    await eventually(() => log.caughtUp());
    await taskIs(first, 'slow', { state: 'running', status: 'unknown' });
    await proxy.mend();
    for (const place of [first, second]) await runIs(place, SUCCESSFUL, 60_000);
    const logs = ['slow', 'next'].map((task) => readLog(`${server.url}${first}/tasks/${task}/logs`));
    expect(await Promise.all(logs)).toEqual(['slow\n', 'next\n']);
    await log.caughtUp();
    const names = log.starts.flatMap((attempt) => {
      const key = parseAttemptId(attempt);
      const isOurs = [first, second].some((place) => place.includes(`/${key?.pipelineId}/`));
      return key !== null && isOurs ? [key.taskId] : [];
    });
    expect(names.sort()).toEqual(['next', 'only', 'slow']);
    await client.close();
    await log.over;
  }, 90_000);
});
