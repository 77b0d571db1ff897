// The promise that matters most, as a procedure for any engine: graphs of 20 tasks, of which each start of a body is witnessed outside
// of the system, while the server is killed with -9 at random moments. Afterwards every body ran once, every run ended well, and
// every line is there once: over the API, and in the archive.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { archiveName, readArchive } from '../../store/logs/archive.ts';
import { parseNamespaceId, parsePipelineId, parseRunId, parseTaskId } from '../../store/model/ids.ts';
import type { AttemptKey } from '../../store/model/ids.ts';
import { openFilesStore } from '../../store/objects/files/files-store.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import { eventually } from '../eventually.ts';
import { api, freePort, readLog, startServer } from './real-server.ts';
import type { RealServer } from './running-server.ts';

const TASKS = 20;
/** Bodies that start between two kills, at most, as far as the test waits for them. */
const PROGRESS_MAX = 7;
/** Earlier runs may have nothing left to start: then the kill comes without the wanted progress. */
const PROGRESS_LIMIT_MS = 1_500;
/** A kill does not always come just after a start. */
const JITTER_MAX_MS = 60;
const RUNS_END_MS = 120_000;

/** Counts starts of bodies from outside, by the attempt's `<run>-<task>`. */
export interface Witness {
  /** Starts so far; may lag a little. */
  seen(): Promise<number>;
  starts(): Promise<ReadonlyMap<string, number>>;
}

export interface KillTest {
  readonly engine: 'process' | 'docker';
  readonly dataDir: string;
  readonly pipelineId: string;
  readonly witness: Witness;
  readonly kills: number;
  /** The task's document: its body must print `body of <run> <task>` and nothing else. */
  readonly task: (id: string, parents: readonly string[]) => object;
}

/** Three layers: 5 roots, 10 that each follow two of them, 5 that each follow two of those. */
function parentsOf(index: number): readonly string[] {
  if (index < 5) return [];
  if (index < 15) return [`t${index % 5}`, `t${(index + 1) % 5}`];
  return [`t${5 + (index % 10)}`, `t${5 + ((index + 3) % 10)}`];
}

const TASK_NAMES = Array.from({ length: TASKS }, (_, index) => `t${index}`);

/** A kill counts while a run has bodies to start yet; a new run begins when none has. */
export async function killRounds(options: KillTest): Promise<void> {
  const { kills, engine, dataDir, witness, pipelineId } = options;
  const place = `/api/namespaces/default/pipelines/${pipelineId}`;
  const port = await freePort();
  const runs: number[] = [];
  const startedAt = performance.now();
  let server = await startServer({ dataDir, port, engine });
  try {
    await register(server, place, options);
    for (let hits = 0; hits < kills;) {
      if ((await witness.seen()) >= runs.length * TASKS) runs.push(await startRun(server, place));
      await progress(witness);
      await server.kill();
      if ((await witness.seen()) < runs.length * TASKS) hits += 1;
      server = await startServer({ dataDir, port, engine });
    }
    await Promise.all(
      runs.map((run) =>
        eventually(async () => expect(await runOf(server, place, run)).toMatchObject(SUCCESSFUL), RUNS_END_MS),
      ),
    );
    await expectOneBodyEach(witness, runs);
    for (const run of runs) await expectLogs(server, place, run);
    await eventually(async () => expect(await archivesIn(dataDir)).toBe(runs.length * TASKS));
  } catch (error) {
    throw new Error(`after the log of the last server:\n${server.log().slice(-4_000)}`, { cause: error });
  } finally {
    await server.stop();
  }
  await expectArchives(options, runs);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  process.stderr.write(`${engine}: ${kills} kills, ${runs.length} runs, ${runs.length * TASKS} bodies, ${seconds} s\n`);
}

const SUCCESSFUL = { state: 'complete', status: 'successful' };

async function register(server: RealServer, place: string, { task, pipelineId }: KillTest): Promise<void> {
  const tasks = TASK_NAMES.map((id, index) => task(id, parentsOf(index)));
  const config = { id: pipelineId, name: 'Kill test', parallelism: 0, tasks };
  expect(await api(server, 'POST', `${place}/configs`, { config })).toMatchObject({ status: 201 });
  expect(await api(server, 'POST', `${place}/configs/1`)).toMatchObject({ status: 201 });
}

async function startRun(server: RealServer, place: string): Promise<number> {
  const { status, body } = await api(server, 'POST', `${place}/runs`, { variables: {} });
  expect(status).toBe(201);
  return (body as { readonly run: { readonly run_id: number } }).run.run_id;
}

async function runOf(server: RealServer, place: string, run: number): Promise<unknown> {
  const { body } = await api(server, 'GET', `${place}/runs/${run}`);
  return (body as { readonly run: unknown }).run;
}

/** A random number of bodies, then a random moment: the kill comes at another point of the graph each time. */
async function progress(witness: Witness): Promise<void> {
  const before = await witness.seen();
  const wanted = before + Math.floor(Math.random() * PROGRESS_MAX);
  await eventually(async () => expect(await witness.seen()).toBeGreaterThanOrEqual(wanted), PROGRESS_LIMIT_MS).catch(
    () => undefined,
  );
  await new Promise((resolve) => setTimeout(resolve, Math.random() * JITTER_MAX_MS));
}

async function expectOneBodyEach(witness: Witness, runs: readonly number[]): Promise<void> {
  const starts = await witness.starts();
  expect([...starts].filter(([, count]) => count !== 1)).toEqual([]);
  expect([...starts.keys()].sort()).toEqual(runs.flatMap((run) => TASK_NAMES.map((id) => `${run}-${id}`)).sort());
}

async function expectLogs(server: RealServer, place: string, run: number): Promise<void> {
  const logs = await Promise.all(TASK_NAMES.map((id) => readLog(`${server.url}${place}/runs/${run}/tasks/${id}/logs`)));
  expect(logs).toEqual(TASK_NAMES.map((id) => `body of ${run} ${id}\n`));
}

/** Log archives on disk, counted without opening a store that the server has open. */
async function archivesIn(dataDir: string): Promise<number> {
  const files = await readdir(path.join(dataDir, 'objects', 'blobs', 'logs'), { recursive: true, withFileTypes: true });
  return files.filter((entry) => entry.isFile()).length;
}

async function expectArchives({ dataDir, pipelineId }: KillTest, runs: readonly number[]): Promise<void> {
  const objects = await openFilesStore({ directory: path.join(dataDir, 'objects') });
  try {
    for (const run of runs) {
      const names = TASK_NAMES.map((id) => archiveName(firstAttempt(pipelineId, run, id)));
      const texts = await Promise.all(names.map((name) => archivedText(objects, name)));
      expect(texts).toEqual(TASK_NAMES.map((id) => `body of ${run} ${id}\n`));
    }
  } finally {
    await objects.close();
  }
}

function firstAttempt(pipelineId: string, run: number, task: string): AttemptKey {
  return {
    namespaceId: parseNamespaceId('default'),
    pipelineId: parsePipelineId(pipelineId),
    runId: parseRunId(run),
    taskId: parseTaskId(task),
    attempt: 1,
  };
}

async function archivedText(objects: ObjectStore, name: string): Promise<string> {
  let text = '';
  for await (const { bytes } of readArchive(objects, name)) text += Buffer.from(bytes).toString();
  return text;
}
