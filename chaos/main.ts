// `npm run chaos`: breaks a real cluster on this machine while clients use it, and says whether every promise was kept.

import { arch, cpus, platform } from 'node:os';
import { judge } from './checks/all-checks.ts';
import type { Verdict } from './checks/all-checks.ts';
import type { FaultSeen } from './checks/evidence.ts';
import { interruption } from './local-cluster/interruption.ts';
import { ALL_FAULTS, faultsNamed } from './nemesis/all-faults.ts';
import { HELP, parseOptions } from './options.ts';
import type { ChaosOptions } from './options.ts';
import { violationText } from './report/markdown.ts';
import type { RunFacts } from './report/report-facts.ts';
import { readEvidence, writeReport } from './report/write-report.ts';
import { runChaos } from './session/run-chaos.ts';
import { runFailover } from './session/run-failover.ts';

const USAGE = 2;
/** What a shell reports of a process that Ctrl-C ended. */
const INTERRUPTED = 130;
const VIOLATIONS_SAID = 5;
/** By then all sockets and timers of a cluster that was taken down are gone. */
const LINGER_MS = 10_000;

process.exitCode = await main(process.argv.slice(2));
// Nothing is under way any more. Whoever waits for the exit status, such as CI, must not wait for what was left open.
setTimeout(() => {
  process.stderr.write(`Left open: ${process.getActiveResourcesInfo().join(', ')}\n`);
  process.exit();
}, LINGER_MS).unref();

async function main(args: readonly string[]): Promise<number> {
  let options: ChaosOptions;
  try {
    options = parseOptions(args, new Date());
    faultsNamed(options.faults);
  } catch (error) {
    process.stderr.write(`${textOf(error)}\nSee: npm run chaos -- --help\n`);
    return USAGE;
  }
  const signal = interruption();
  try {
    return await run(options, args, signal);
  } catch (error) {
    if (signal.aborted) return INTERRUPTED;
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}

async function run(options: ChaosOptions, args: readonly string[], signal: AbortSignal): Promise<number> {
  switch (options.mode) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'list':
      for (const { name, groups, what } of ALL_FAULTS) say(`${name.padEnd(32)} ${groups.join(',').padEnd(20)} ${what}`);
      return 0;
    case 'judge': {
      const { facts, evidence } = await readEvidence(options.report);
      return finish(options, judge(evidence), { facts, evidence });
    }
    case 'failover':
      return runFailover(options, { facts: factsOf(options, args), say, signal });
    case 'mix':
    case 'ci':
    case 'smoke': {
      const evidence = await runChaos(options, { say, onFault: (fault) => say(faultLine(fault)), signal });
      say('judging');
      return finish(options, judge(evidence), { facts: factsOf(options, args), evidence });
    }
  }
}

async function finish(
  { report, mode }: ChaosOptions,
  verdicts: readonly Verdict[],
  given: Omit<Parameters<typeof writeReport>[1], 'verdicts'>,
): Promise<number> {
  const { passed, runs, bodies, terms, seconds } = await writeReport(report, { ...given, verdicts });
  for (const { id, promise, violations } of verdicts.filter(({ violations }) => violations.length > 0)) {
    say(`BROKEN ${id} (${violations.length}): ${promise}`);
    for (const violation of violations.slice(0, VIOLATIONS_SAID)) say(`  ${violationText(violation, 0)}`);
  }
  const { faults } = given.evidence;
  say(
    `${passed ? 'Every promise was kept' : 'PROMISES WERE BROKEN'}: ${runs} runs, ${bodies} bodies, ${faults.length} faults, ${terms} terms in ${seconds.toFixed(0)} s.`,
  );
  say(`Report: ${report}/report.md${mode === 'judge' ? ' (written anew)' : ''}`);
  return passed ? 0 : 1;
}

function factsOf({ seed, nodes, engine, executable }: ChaosOptions, args: readonly string[]): RunFacts {
  const given = args.includes('--seed') ? args : ['--seed', String(seed), ...args];
  return {
    ...{ seed, nodes, engine },
    command: `npm run chaos -- ${given.join(' ')}`,
    build: executable === '' ? `${GOFER_VERSION} (${GOFER_COMMIT})` : executable,
    machine: `${cpus().length} processors, ${platform()} ${arch()}, Node ${process.version}`,
  };
}

function faultLine({ name, target, from, to, proof }: FaultSeen): string {
  return `fault ${name} on ${target}, ${((to - from) / 1_000).toFixed(1)} s: ${proof ?? 'NO EFFECT WAS SEEN'}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
