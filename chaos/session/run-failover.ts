// The failover table: for each fault a fresh cluster, and many injections in a row with runs on their way. What is done is written down
// at once; a second call with the same folder goes on where the first one ended.

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { judge } from '../checks/all-checks.ts';
import { faultsNamed } from '../nemesis/all-faults.ts';
import type { Fault } from '../nemesis/fault.ts';
import { runInjections } from '../nemesis/failover.ts';
import type { Injection } from '../nemesis/failover.ts';
import type { ChaosOptions } from '../options.ts';
import { failoverRow } from '../report/failover-figures.ts';
import type { FailoverRow } from '../report/failover-figures.ts';
import { failoverMarkdown } from '../report/failover-table.ts';
import { parseRows } from '../report/parse-evidence.ts';
import type { RunFacts } from '../report/report-facts.ts';
import { writeReport } from '../report/write-report.ts';
import { STARTS, forContainers, startClients } from '../workload/clients.ts';
import { collectEvidence } from './collect.ts';
import { faketimeLibrary } from './clocks.ts';
import { dockerForChaos } from './docker.ts';
import { openSession } from './session.ts';
import type { EngineKind, Session } from './session.ts';

const CLIENTS: Readonly<Record<EngineKind, number>> = { process: 8, docker: 4 };
const SAID_EVERY = 10;

export interface FailoverRun {
  readonly facts: RunFacts;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Exit status: 1 when a promise was broken. */
export async function runFailover(options: ChaosOptions, { facts, say, signal }: FailoverRun): Promise<number> {
  await mkdir(options.report, { recursive: true });
  const rows = await earlierRows(options);
  for (const fault of faultsNamed(options.faults)) {
    if (signal.aborted) break;
    if (rows.some((row) => row.fault === fault.name && row.injections >= options.injections)) {
      say(`${fault.name}: measured before`);
      continue;
    }
    const row = await measure(fault, options, { facts, say, signal });
    if (row === null) continue;
    rows.push(row);
    await writeRows(options, rows, facts);
    say(
      `${fault.name}: lost ${row.lost}, doubled ${row.doubled}, other violations ${row.otherViolations}, failed calls ${row.failedCalls} of ${row.calls}; new leader ${words(row.toNewLeaderMs)}, next start ${words(row.toNextStartMs)}`,
    );
  }
  say(`Table: ${path.join(options.report, 'failover.md')}`);
  return rows.every(({ lost, doubled, otherViolations }) => lost + doubled + otherViolations === 0) ? 0 : 1;
}

/** Null when the fault cannot be made here. */
async function measure(fault: Fault, options: ChaosOptions, run: FailoverRun): Promise<FailoverRow | null> {
  const { facts, say, signal } = run;
  const directory = path.join(options.report, fault.name);
  await using docker = await dockerForChaos(options.engine, say);
  await using session = await openSession({
    ...{ seed: options.seed, nodes: options.nodes, engine: options.engine, directory },
    ...(options.executable === '' ? {} : { executable: options.executable }),
    fakeClocks: fault.name === 'clock' && faketimeLibrary() !== null,
    keepFiles: options.keep,
    docker: docker.options,
    onStep: () => undefined,
  });
  const missing = fault.missing(session);
  if (missing !== null) {
    say(`${fault.name}: left out, ${missing}`);
    return null;
  }
  const clients = startClients({
    ...{
      count: CLIENTS[options.engine],
      seed: options.seed,
      pace: options.engine === 'docker' ? forContainers(STARTS) : STARTS,
    },
    client: (proc) => session.client(proc),
  });
  const injections = await runInjections(session, fault, {
    ...{ injections: options.injections, signal },
    onInjection: (injection, number) => {
      if (number % SAID_EVERY === 0 || injection.proof === null) say(injectionLine(session, injection, number));
    },
  });
  const evidence = await collectEvidence(session, clients);
  const verdicts = judge(evidence);
  await writeReport(directory, { facts, evidence, verdicts });
  return failoverRow({ fault: fault.name, what: fault.what, injections, evidence, verdicts });
}

function injectionLine({ recorder }: Session, { name, proof, from, well }: Injection, number: number): string {
  return `${name} ${number}: well again after ${((well - from) / 1_000).toFixed(1)} s, ${recorder.operations.length} calls so far, ${proof ?? 'NO EFFECT WAS SEEN'}`;
}

async function earlierRows({ report }: ChaosOptions): Promise<FailoverRow[]> {
  const file = path.join(report, 'failover.json');
  return existsSync(file) ? [...parseRows(await readFile(file, 'utf8'))] : [];
}

async function writeRows(options: ChaosOptions, rows: readonly FailoverRow[], facts: RunFacts): Promise<void> {
  const files: readonly (readonly [string, string])[] = [
    ['failover.json', JSON.stringify({ facts, rows }, null, 2)],
    ['failover.md', failoverMarkdown(rows, facts)],
  ];
  await Promise.all(files.map(([name, text]) => writeFile(path.join(options.report, name), text)));
}

function words(times: FailoverRow['toNewLeaderMs']): string {
  return times === null ? 'never' : `p50 ${(times.p50 / 1_000).toFixed(2)} s, max ${(times.max / 1_000).toFixed(2)} s`;
}
