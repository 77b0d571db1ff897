// Looks through seeds on several processes at once, until one breaks a promise, all are done, or the time is over.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Violation } from './chronicle.ts';
import type { WorkerReport } from './worker.ts';

export interface SearchOptions {
  readonly from: number;
  readonly count: number;
  readonly workers: number;
  readonly mutation: string | null;
  readonly limitMs: number | null;
}

export interface Failure {
  readonly seed: number;
  readonly violation: Violation;
}

export interface Search {
  readonly seeds: number;
  readonly seconds: number;
  readonly events: number;
  /** Seeds that were run a second time to see whether the history is the same. */
  readonly twice: number;
  readonly counts: { readonly terms: number; readonly runs: number; readonly bodies: number };
  readonly failure: Failure | null;
}

/** Histories make much garbage and keep nothing. */
const WORKER_FLAGS = ['--max-semi-space-size=64'];

/** Handed to a worker at once: long enough to make messages cheap, short enough to stop soon. */
const PORTION = 10;

export async function searchSeeds(options: SearchOptions): Promise<Search> {
  const began = performance.now();
  const totals = { seeds: 0, events: 0, twice: 0, terms: 0, runs: 0, bodies: 0 };
  let next = options.from;
  const end = options.from + options.count;
  let failure: Failure | null = null;

  /** Null when there is nothing more to look at. */
  function portion(): object | null {
    const isLate = options.limitMs !== null && performance.now() - began > options.limitMs;
    if (failure !== null || next >= end || isLate) return null;
    const from = next;
    next = Math.min(end, next + PORTION);
    return { from, to: next, mutation: options.mutation };
  }

  function take(report: WorkerReport): void {
    totals.seeds += report.seeds;
    totals.events += report.events;
    totals.twice += report.twice;
    totals.terms += report.terms;
    totals.runs += report.runs;
    totals.bodies += report.bodies;
    // Of several failures the lowest seed: then the answer does not depend on which worker was faster.
    if (report.failure !== null && (failure === null || report.failure.seed < failure.seed)) failure = report.failure;
  }

  await Promise.all(Array.from({ length: options.workers }, () => runWorker(portion, take)));
  const { seeds, events, twice, ...counts } = totals;
  return { seeds, events, twice, counts, failure, seconds: (performance.now() - began) / 1_000 };
}

async function runWorker(portion: () => object | null, take: (report: WorkerReport) => void): Promise<void> {
  const first = portion();
  if (first === null) return;
  const script = process.argv[1] ?? '';
  const child = fork(script, ['--worker'], { execArgv: WORKER_FLAGS });
  try {
    await converse(child, { first, portion, take });
  } finally {
    child.kill();
  }
}

interface Conversation {
  readonly first: object;
  readonly portion: () => object | null;
  readonly take: (report: WorkerReport) => void;
}

function converse(child: ChildProcess, { first, portion, take }: Conversation): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`a worker ended with ${String(code)}`)));
    child.on('message', (report: WorkerReport) => {
      take(report);
      const more = portion();
      if (more === null) resolve();
      else child.send(more);
    });
    child.send(first);
  });
}
