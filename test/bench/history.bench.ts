// What a long life costs: start, memory and listing with an empty store, and with a hundred thousand finished runs in it. And how long
// the executable takes to print its help.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '../../sdk/client/client.ts';
import { keys } from '../../store/keys.ts';
import type { RunId, TaskId } from '../../store/model/ids.ts';
import type { CompleteRun, CompleteTask } from '../../store/model/run.ts';
import { runCounterRecord, runRecord, taskRecord } from '../../store/records/run-records.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import type { Write } from '../../store/state/port.ts';
import { ROOT, freePort, startServer } from '../e2e/real-server.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { NOON, aPendingRun } from '../unit/worlds.ts';
import type { BenchRow } from './bench-row.ts';
import { quantiles } from './quantiles.ts';
import { deploy } from './server.bench.ts';

const PIPELINE = { namespaceId: 'default', pipelineId: 'nightly' };
/** Runs in one transaction while the store is filled. */
const BATCH = 500;
/** For the start's work to settle before memory is read. */
const SETTLE_MS = 2_000;
const LISTS = 200;

export async function historyBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  const count = smoke ? 2_000 : 100_000;
  const empty = await measured(0, smoke);
  const full = await measured(count, smoke);
  const runs = `${count.toLocaleString('en')} finished runs`;
  return [
    { name: 'start to ready, empty store', figure: `${empty.startMs.toFixed(0)} ms`, budget: '<= 1 s' },
    { name: `start to ready, ${runs}`, figure: `${full.startMs.toFixed(0)} ms`, budget: '< 3 s' },
    { name: 'idle memory (RSS), empty store', figure: `${empty.rssMiB.toFixed(0)} MiB`, budget: '<= 120 MiB' },
    { name: `idle memory (RSS), ${runs}`, figure: `${full.rssMiB.toFixed(0)} MiB`, budget: 'as with an empty store' },
    { name: `list the 50 newest of ${runs}`, figure: quantiles(full.listMs), budget: 'p99 < 20 ms' },
    { name: 'gofer --help', ...helpFigure(smoke ? 5 : 40) },
  ];
}

interface Measured {
  readonly startMs: number;
  readonly rssMiB: number;
  readonly listMs: readonly number[];
}

async function measured(count: number, smoke: boolean): Promise<Measured> {
  await using directory = await temporaryDirectory();
  const options = { dataDir: directory.path, port: await freePort(), engine: 'process' } as const;
  // The first start makes the directory; the one that is measured finds it as it was left.
  const first = await startServer(options);
  await deploy(createClient({ baseUrl: first.url, token: '' }), PIPELINE.pipelineId, ['true']);
  await first.stop();
  await fill(directory.path, count);
  const begun = performance.now();
  const server = await startServer(options);
  const startMs = performance.now() - begun;
  const client = createClient({ baseUrl: server.url, token: '' });
  try {
    const idle = count === 0 || !smoke ? SETTLE_MS : 0;
    await new Promise((resolve) => setTimeout(resolve, idle));
    const rssMiB = rssOf(server.pid);
    const listMs: number[] = [];
    for (let n = 0; n < LISTS; n += 1) {
      const from = performance.now();
      await client.listRuns({ ...PIPELINE, limit: 50, reverse: true });
      listMs.push(performance.now() - from);
    }
    return { startMs, rssMiB, listMs };
  } finally {
    await server.stop();
  }
}

async function fill(dataDir: string, count: number): Promise<void> {
  const directory = join(dataDir, 'state');
  mkdirSync(directory, { recursive: true });
  const state = await openLmdbStore({ directory });
  try {
    const run = aPendingRun({ runId: count as RunId });
    for (let first = 1; first <= count; first += BATCH) {
      const writes = Array.from({ length: Math.min(BATCH, count - first + 1) }, (_, n) => finished(first + n)).flat();
      await state.commit({ compares: [], writes });
    }
    const counter = runCounterRecord.encode({ lastRunId: count });
    if (count > 0) {
      await state.commit({ compares: [], writes: [{ op: 'put', key: keys.runCounter(run), value: counter }] });
    }
  } finally {
    await state.close();
  }
}

function finished(id: number): Write[] {
  const { state: _state, ...facts } = aPendingRun({ runId: id as RunId });
  const times = { startedAt: NOON, ended: NOON };
  const run: CompleteRun = { ...facts, ...times, state: 'complete', status: 'successful', statusReason: null };
  const task: CompleteTask = {
    ...{ namespaceId: run.namespaceId, pipelineId: run.pipelineId, runId: run.runId, taskId: 'only' as TaskId },
    ...{ ...times, state: 'complete', status: 'successful', statusReason: null, exitCode: 0, carriedFrom: 0 },
    ...{ created: NOON, logs: 'empty' },
    past: [{ attempt: 1, startedAt: NOON, endedAt: NOON, end: { kind: 'exited', code: 0 } }],
  };
  return [
    { op: 'put', key: keys.run(run), value: runRecord.encode(run) },
    { op: 'put', key: keys.task(task), value: taskRecord.encode(task) },
  ];
}

function rssOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? Number.NaN) / 1_024;
}

/** Alternating with a bare Node, so that both see the same machine. */
function helpFigure(times: number): Pick<BenchRow, 'figure' | 'budget' | 'raw'> {
  const help: number[] = [];
  const bare: number[] = [];
  for (let n = 0; n < times; n += 1) {
    help.push(timeOf([join(ROOT, 'cmd/gofer.mjs'), '--help']));
    bare.push(timeOf(['-e', '0']));
  }
  const ratio = (median(help) / median(bare)).toFixed(2);
  return {
    figure: `${median(help).toFixed(1)} ms: ${ratio} x node -e 0`,
    budget: '<= 1.3 x node -e 0',
    raw: `node -e 0: ${median(bare).toFixed(1)} ms`,
  };
}

function timeOf(args: readonly string[]): number {
  const from = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return performance.now() - from;
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}
