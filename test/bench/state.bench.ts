// The embedded state store beside the bare disk: what a durable commit costs, how many fit into one flush, and what reads cost
// with many keys.

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import type { StateStore, Transaction } from '../../store/state/port.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { BenchRow } from './bench-row.ts';

/** As large as a run's record. */
const VALUE = JSON.stringify({ v: 1, text: 'x'.repeat(300) });
const KEYS_A_RUN = 10;

interface Sizes {
  readonly commits: number;
  readonly clients: number;
  readonly runs: number;
  readonly keys: number;
  readonly reads: number;
}

const FULL: Sizes = { commits: 1_000, clients: 200, runs: 20_000, keys: 1_000_000, reads: 2_000 };
const SMOKE: Sizes = { commits: 20, clients: 20, runs: 200, keys: 2_000, reads: 50 };

export async function stateBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  const sizes = smoke ? SMOKE : FULL;
  await using directory = await temporaryDirectory();
  const disk = rawFlushes(directory.path, sizes.commits);
  const store = await openLmdbStore({ directory: join(directory.path, 'state') });
  try {
    const sequential = await sequentialCommits(store, sizes.commits);
    const grouped = await groupedRuns(store, sizes);
    const filled = await fill(store, sizes.keys);
    const pages = await pageReads(store, sizes);
    return [
      { name: 'state: sequential commit of 1 key', figure: latencies(sequential), raw: `fdatasync ${latencies(disk)}` },
      { name: `state: runs of ${KEYS_A_RUN} key writes in 3 commits`, budget: '>= 2500 runs/s', ...grouped },
      { name: 'state: filling by the largest commits', figure: filled },
      { name: `state: page of 50 keys out of ${sizes.keys}`, figure: latencies(pages) },
    ];
  } finally {
    await store.close();
  }
}

/** What one flush of a page or two costs on this disk; a commit of LMDB needs two, one after the other. */
function rawFlushes(directory: string, count: number): number[] {
  const file = openSync(join(directory, 'raw'), 'w');
  const page = Buffer.alloc(8192, 1);
  const times: number[] = [];
  try {
    for (let n = 0; n < count; n++) {
      const start = performance.now();
      writeSync(file, page, 0, page.length, n * page.length);
      fdatasyncSync(file);
      times.push(performance.now() - start);
    }
  } finally {
    closeSync(file);
  }
  return times;
}

async function sequentialCommits(store: StateStore, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    await store.commit({ compares: [], writes: [put(`sequential/${n}`)] });
    times.push(performance.now() - start);
  }
  return times;
}

/** Each client does one run after the other, as the control plane would: create it, then two fenced steps. */
async function groupedRuns(store: StateStore, { clients, runs }: Sizes): Promise<Pick<BenchRow, 'figure' | 'raw'>> {
  const { revision: term } = await store.commit({ compares: [], writes: [put('leader')] });
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < runs) await oneRun(store, { number: next++, term });
  };
  const start = performance.now();
  const before = performance.eventLoopUtilization();
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - start) / 1_000;
  const { active } = performance.eventLoopUtilization(before);
  const perKey = ((active * 1_000) / (runs * KEYS_A_RUN)).toFixed(1);
  return { figure: `${Math.round(runs / seconds)} runs/s`, raw: `${perKey} us of JavaScript a key write` };
}

async function oneRun(
  store: StateStore,
  { number, term }: { readonly number: number; readonly term: number },
): Promise<void> {
  const id = `default/pipeline-${number % 10}/${String(number).padStart(16, '0')}`;
  const [run, open, task, ask] = [`run/${id}`, `open/${id}`, `task/${id}/build`, `ask/${id}/1`];
  const steps: Transaction['writes'][] = [
    [put(run), put(open), put(task), put(ask)],
    [put(run), put(task), { op: 'delete', key: ask }],
    [put(run), put(task), { op: 'delete', key: open }],
  ];
  let seen = 0;
  for (const writes of steps) {
    const compares: Transaction['compares'] = [
      { target: 'create', key: 'leader', equals: term },
      { target: 'mod', key: run, equals: seen },
      { target: 'mod', key: task, equals: seen },
    ];
    const result = await store.commit({ compares, writes });
    if (!result.succeeded) throw new Error('a compare failed in a bench without rivals');
    seen = result.revision;
  }
}

async function fill(store: StateStore, keys: number): Promise<string> {
  const start = performance.now();
  for (let at = 0; at < keys; at += store.limits.operationsMax) {
    const count = Math.min(store.limits.operationsMax, keys - at);
    await store.commit({ compares: [], writes: Array.from({ length: count }, (_, n) => put(pageKey(at + n))) });
  }
  return `${Math.round(keys / ((performance.now() - start) / 1_000))} keys/s`;
}

async function pageReads(store: StateStore, { keys, reads }: Sizes): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < reads; n++) {
    const start = performance.now();
    await store.range({ start: pageKey((n * 7919) % keys), end: 'page0' }, { limit: 50 });
    times.push(performance.now() - start);
  }
  return times;
}

function pageKey(number: number): string {
  return `page/${String(number).padStart(16, '0')}`;
}

function put(key: string): Transaction['writes'][number] {
  return { op: 'put', key, value: VALUE };
}

function latencies(times: readonly number[]): string {
  const sorted = [...times].sort((left, right) => left - right);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
