// One process of a search: runs the seeds that it is handed and reports what came of them.

import type { Violation } from './chronicle.ts';
import { installClocks } from './clocks.ts';
import { MUTATIONS } from './mutations.ts';
import { makePlan } from './plan.ts';
import { runWorld } from './world.ts';

export interface WorkerReport {
  readonly seeds: number;
  readonly events: number;
  readonly twice: number;
  readonly terms: number;
  readonly runs: number;
  readonly bodies: number;
  readonly failure: { readonly seed: number; readonly violation: Violation } | null;
}

interface Portion {
  readonly from: number;
  readonly to: number;
  readonly mutation: string | null;
}

/** One seed in so many is run twice: a history that is not the same is worth nothing. */
const TWICE_EVERY = 50;

export function serveParent(): void {
  // Thousands of expected errors are made each second, and nobody reads where.
  Error.stackTraceLimit = 0;
  const clocks = installClocks();
  process.on('message', (portion: Portion) => {
    runPortion(portion, clocks).then(
      (report) => process.send?.(report),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
        process.exit(1);
      },
    );
  });
}

async function runPortion(portion: Portion, clocks: ReturnType<typeof installClocks>): Promise<WorkerReport> {
  const mutation = MUTATIONS.find(({ name }) => name === portion.mutation);
  const totals = { seeds: 0, events: 0, twice: 0, terms: 0, runs: 0, bodies: 0 };
  for (let seed = portion.from; seed < portion.to; seed += 1) {
    const options = { plan: makePlan(seed), clocks, ...(mutation === undefined ? {} : { mutation }) };
    const outcome = await runWorld(options);
    totals.seeds += 1;
    totals.events += outcome.events;
    totals.terms += outcome.counts.terms;
    totals.runs += outcome.counts.runs;
    totals.bodies += outcome.counts.bodies;
    if (outcome.violation !== null) return { ...totals, failure: { seed, violation: outcome.violation } };
    if (seed % TWICE_EVERY !== 0) continue;
    const again = await runWorld(options);
    totals.twice += 1;
    if (again.traceHash === outcome.traceHash && again.events === outcome.events) continue;
    const violation = { id: 'SAME', what: 'the same seed gave two histories', atMs: 0 };
    return { ...totals, failure: { seed, violation } };
  }
  return { ...totals, failure: null };
}
