// The promise that matters most, as a procedure for any engine: a graph of 20 tasks that write down each start of a body outside the
// system, while the server is killed with -9 again and again. Afterwards every body ran once, every run ended well, every line is there.

import { mkdir, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../eventually.ts';
import { api, freePort, startServer } from './real-server.ts';
import type { RealServer } from './real-server.ts';

export const TASKS = 20;
const PATH_OF_PIPELINE = '/api/namespaces/default/pipelines/kill-test';

export interface KillTest {
  readonly engine: 'process' | 'docker';
  readonly dataDir: string;
  /** Where bodies write, as the test sees it. */
  readonly witnessDir: string;
  readonly kills: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** The task's document: it must append one line to a file named after run and task in the witness directory. */
  readonly task: (id: string, parents: readonly string[]) => object;
}

/** Three layers: 5 roots, 10 that each follow two of them, 5 that each follow two of those. */
function parentsOf(index: number): readonly string[] {
  if (index < 5) return [];
  if (index < 15) return [`t${index % 5}`, `t${(index + 1) % 5}`];
  return [`t${5 + (index % 10)}`, `t${5 + ((index + 3) % 10)}`];
}

export async function killRounds(options: KillTest): Promise<void> {
  const { kills, engine, dataDir, witnessDir, environment } = options;
  await mkdir(witnessDir, { recursive: true });
  const port = await freePort();
  const start = () => startServer({ dataDir, port, engine, ...(environment === undefined ? {} : { environment }) });
  let server = await start();
  try {
    await register(server, options);
    const runs: number[] = [];
    for (let round = 0; round < kills; round += 1) {
      runs.push(await startRun(server));
      await killAfterProgress(server, witnessDir, round);
      server = await start();
    }
    for (const run of runs)
      await eventually(async () => expect(await statusOf(server, run)).toBe('successful'), 120_000);
    await expectOneBodyEach(witnessDir, runs);
    for (const run of runs) await expectLogs(server, run);
  } finally {
    await server.stop();
  }
}

async function register(server: RealServer, { task }: KillTest): Promise<void> {
  const tasks = Array.from({ length: TASKS }, (_, index) => task(`t${index}`, parentsOf(index)));
  const config = { id: 'kill-test', name: 'Kill test', parallelism: 0, tasks };
  expect(await api(server, 'POST', `${PATH_OF_PIPELINE}/configs`, { config })).toMatchObject({ status: 201 });
  expect(await api(server, 'POST', `${PATH_OF_PIPELINE}/configs/1`)).toMatchObject({ status: 201 });
}

async function startRun(server: RealServer): Promise<number> {
  const { status, body } = await api(server, 'POST', `${PATH_OF_PIPELINE}/runs`, { variables: {} });
  expect(status).toBe(201);
  return (body as { readonly run: { readonly run_id: number } }).run.run_id;
}

/** A different amount of progress each time: the kill comes at another point of the graph. */
async function killAfterProgress(server: RealServer, witnessDir: string, round: number): Promise<void> {
  const before = (await readdir(witnessDir)).length;
  const wanted = round % 7;
  // Not an error when it never comes: earlier runs may have nothing left to start.
  await eventually(
    async () => expect((await readdir(witnessDir)).length - before).toBeGreaterThanOrEqual(wanted),
    1_500,
  ).catch(() => undefined);
  await server.kill();
}

async function statusOf(server: RealServer, run: number): Promise<string> {
  const { body } = await api(server, 'GET', `${PATH_OF_PIPELINE}/runs/${run}`);
  return (body as { readonly run: { readonly status: string } }).run.status;
}

async function expectOneBodyEach(witnessDir: string, runs: readonly number[]): Promise<void> {
  const counts = new Map<string, number>();
  for (const name of await readdir(witnessDir)) {
    const text = await readFile(path.join(witnessDir, name), 'utf8');
    counts.set(name, text.split('\n').filter((line) => line !== '').length);
  }
  const wanted = runs.flatMap((run) => Array.from({ length: TASKS }, (_, index) => `${run}-t${index}`));
  expect([...counts.keys()].sort()).toEqual(wanted.sort());
  expect([...counts].filter(([, count]) => count !== 1)).toEqual([]);
}

async function expectLogs(server: RealServer, run: number): Promise<void> {
  const lines = await Promise.all(
    Array.from({ length: TASKS }, (_, index) =>
      readLog(`${server.url}${PATH_OF_PIPELINE}/runs/${run}/tasks/t${index}/logs`),
    ),
  );
  expect(lines.map((text) => text.trim())).toEqual(
    Array.from({ length: TASKS }, (_, index) => `body of ${run} t${index}`),
  );
}

/** The whole log of a task by the WebSocket of the contract. */
export async function readLog(url: string): Promise<string> {
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(url.replace(/^http/, 'ws'), {
    headers: { 'gofer-api-version': 'v0', authorization: 'Bearer test' },
  });
  let text = '';
  return new Promise((resolve, reject) => {
    socket.on('message', (data: Buffer) => (text += data.toString()));
    socket.on('error', reject);
    socket.on('close', (code: number, reason: Buffer) => {
      if (code === 1000) resolve(text);
      else reject(new Error(`log stream of ${url} closed with ${code}: ${reason.toString()}`));
    });
  });
}
