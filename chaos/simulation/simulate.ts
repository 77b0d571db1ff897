// The simulation as a program: one seed told as a story, many seeds on all cores, or seeds until somebody stops it. Started by
// `npm run simulate`.

import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { hashText } from './random.ts';
import { MUTATIONS } from './mutations.ts';
import type { Failure, Search } from './search.ts';
import { searchSeeds } from './search.ts';
import { parsePlans } from './parse-plans.ts';
import { makePlan } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Clocks } from './clocks.ts';
import { installClocks } from './clocks.ts';
import { shrink } from './shrink.ts';
import { outcomeText, storyOf } from './story.ts';
import { serveParent } from './worker.ts';
import { runWorld } from './world.ts';

const USAGE = `npm run simulate -- [options]

  --seed N           one history; with --trace every line of it
  --seeds K          K histories, from --from N (default: a number made from the code, so that each change is tried on fresh seeds)
  --forever          until it is stopped
  --mutation NAME    with a guard taken away; with --find: says which seed notices it, if one does within a minute;
                     --mutation list names them, --mutation all --find looks for each
  --plans FILE       the plans of a file, such as test/golden/simulation-plans.json
  --workers N        processes (default: one for each core)`;

/** How long the simulation may take to notice that a guard is missing. */
const MUTATION_LIMIT_MS = 60_000;
/** Seeds that are looked at in one go before the figures are told. */
const REPORT_SEEDS = 2_000;

const write = (text: string) => process.stdout.write(`${text}\n`);

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
    forever: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    mutation: { type: 'string' },
    find: { type: 'boolean', default: false },
    plans: { type: 'string' },
    workers: { type: 'string' },
    worker: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.worker) serveParent();
else process.exitCode = await main();

async function main(): Promise<number> {
  if (values.help) {
    write(USAGE);
    return 0;
  }
  if (values.mutation === 'list') {
    for (const { name, sentence } of MUTATIONS) write(`${name.padEnd(36)} ${sentence}`);
    return 0;
  }
  if (values.mutation !== undefined && values.find) return findMutations(values.mutation);
  if (values.plans !== undefined) return runPlans(values.plans);
  if (values.seed !== undefined) return tellSeed(Number(values.seed));
  return searchMany();
}

function workers(): number {
  return Math.max(1, Number(values.workers ?? availableParallelism()));
}

async function freshBase(): Promise<number> {
  const bundle = process.argv[1];
  return bundle === undefined ? 1 : hashText(await readFile(bundle, 'utf8'));
}

async function searchMany(): Promise<number> {
  let from = values.from === undefined ? await freshBase() : Number(values.from);
  const mutation = values.mutation ?? null;
  const total = values.forever ? Number.POSITIVE_INFINITY : Number(values.seeds ?? '1000');
  write(`seeds from ${from} on, ${workers()} at a time`);
  for (let done = 0; done < total;) {
    const count = Math.min(REPORT_SEEDS, total - done);
    const search = await searchSeeds({ from, count, workers: workers(), mutation, limitMs: null });
    write(figures(search));
    if (search.failure !== null) {
      await tellFailure(search.failure);
      return 1;
    }
    done += count;
    from += count;
  }
  return 0;
}

function figures({ seeds, seconds, events, twice, counts }: Search): string {
  const each = (sum: number) => (sum / Math.max(1, seeds)).toFixed(1);
  const rate = `${seeds} seeds in ${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(1)} a second)`;
  const inside = `each with ${each(events)} steps, ${each(counts.terms)} terms, ${each(counts.runs)} runs, ${each(counts.bodies)} bodies`;
  return `${rate}, ${inside}; ${twice} were run twice and were the same`;
}

async function findMutations(wanted: string): Promise<number> {
  let missing = 0;
  for (const { name } of MUTATIONS) {
    if (wanted !== 'all' && wanted !== name) continue;
    const { failure, seconds } = await searchSeeds({
      ...{ from: 1, count: Number.MAX_SAFE_INTEGER, workers: workers(), mutation: name },
      limitMs: MUTATION_LIMIT_MS,
    });
    if (failure === null) missing += 1;
    const found = failure === null ? 'NOT FOUND' : `${failure.violation.id} by seed ${failure.seed}`;
    write(`${name.padEnd(36)} ${found.padEnd(24)} ${seconds.toFixed(1)} s  ${failure?.violation.what ?? ''}`);
  }
  return missing === 0 ? 0 : 1;
}

async function runPlans(file: string): Promise<number> {
  const clocks = installClocks();
  let failures = 0;
  for (const { why, plan } of parsePlans(await readFile(file, 'utf8'))) {
    const outcome = await runWorld({ plan, clocks });
    write(`${outcome.violation === null ? 'good' : 'BAD '} ${why}`);
    if (outcome.violation === null) continue;
    failures += 1;
    write(outcomeText(outcome));
  }
  return failures === 0 ? 0 : 1;
}

async function tellSeed(seed: number): Promise<number> {
  const clocks = installClocks();
  const mutation = MUTATIONS.find(({ name }) => name === values.mutation);
  const options = { plan: makePlan(seed), clocks, ...(mutation === undefined ? {} : { mutation }) };
  const onNote = (atMs: number, line: string) => write(`${atMs.toFixed(1).padStart(9)}  ${line}`);
  const outcome = await runWorld({ ...options, ...(values.trace ? { onNote } : {}) });
  write(outcomeText(outcome));
  if (outcome.violation === null) return 0;
  if (!values.trace) await tellShrunk(clocks, options.plan, values.mutation ?? null);
  return 1;
}

async function tellFailure({ seed, violation }: Failure): Promise<void> {
  write(`\nSEED ${seed} BROKE ${violation.id}: ${violation.what}`);
  await tellShrunk(installClocks(), makePlan(seed), values.mutation ?? null);
}

async function tellShrunk(clocks: Clocks, plan: Plan, mutationName: string | null): Promise<void> {
  const mutation = MUTATIONS.find(({ name }) => name === mutationName);
  const run = (tried: Plan, onNote?: (atMs: number, line: string) => void) =>
    runWorld({ plan: tried, clocks, ...(mutation === undefined ? {} : { mutation }), ...(onNote ? { onNote } : {}) });
  const { plan: small, tries } = await shrink(plan, async (tried) => (await run(tried)).violation?.id ?? null);
  write(`\nThe same with less (${tries} tries):\n${await storyOf(small, run)}`);
  const more = mutationName === null ? '' : ` --mutation '${mutationName}'`;
  write(`\nWhole history:  npm run simulate -- --seed ${plan.seed}${more} --trace`);
  write(`Smallest plan:  ${JSON.stringify(small)}`);
}
