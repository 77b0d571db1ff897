// What `npm run chaos` is asked for.

import path from 'node:path';
import { parseArgs } from 'node:util';
import type { EngineKind } from './session/session.ts';

export interface ChaosOptions {
  readonly mode: 'mix' | 'failover' | 'ci' | 'smoke' | 'list' | 'help' | 'judge';
  readonly seed: number;
  /** Names of faults and groups. */
  readonly faults: readonly string[];
  readonly minutes: number;
  readonly nodes: number;
  readonly engine: EngineKind;
  readonly injections: number;
  /** Where history and report go; '' = a new folder under chaos-report/. */
  readonly report: string;
  /** Launcher of the build under test; '' = the one of this tree. */
  readonly executable: string;
  /** Keeps the logs and data of the cluster. */
  readonly keep: boolean;
}

export const HELP = `Usage: npm run chaos -- [options]

Runs a real cluster on this machine (etcd, nodes, HAProxy), has clients use it, breaks things, and checks that every promise was kept.

Options:
  --seed N           which faults come when, and what the clients do (default: by chance)
  --faults A,B       names or groups of faults, or all (default: all); --list shows them
  --minutes M        how long (default 5)
  --nodes N          how many nodes (default 3)
  --engine E         process or docker (default process)
  --report DIR       where the history and the report go (default chaos-report/<time>)
  --executable FILE  launcher of the build under test (default cmd/gofer.mjs of this tree)
  --keep             keep the logs and data of the cluster
  --failover         measure: for each fault many injections in a row with runs in flight; gives the failover table
  --injections N     with --failover: of each fault (default 50)
  --ci               a short mix for continuous integration
  --smoke            seconds: one kill of the leader, one partition
  --judge DIR        judge the evidence of an earlier run again
  --list             all faults
  -h, --help         this text

Examples:
  npm run chaos -- --seed 7 --faults kill,pause --minutes 3 --nodes 3
  npm run chaos -- --faults partition,etcd --minutes 10 --report ./report
  npm run chaos -- --engine docker --faults kill,engine --minutes 5
  npm run chaos -- --failover --injections 50
  npm run chaos -- --executable /opt/gofer/cmd/gofer.mjs --faults all --minutes 30

Exit status: 0 when every promise was kept, 1 when one was not, 2 when the options are wrong.
`;

const SEEDS = 1_000_000;
const MINUTES = 5;
/** With starting, healing and reading everything it has to fit into 8 on a slow machine. */
const CI_MINUTES = 4;
/** Those that find most in a few minutes. */
const CI_FAULTS = ['kill', 'pause', 'partition', 'lossy', 'etcd', 'engine', 'stop-leader', 'clock'];
const SMOKE_FAULTS = ['kill-leader', 'cut-etcd'];

/** Throws with a sentence about what is wrong. */
export function parseOptions(args: readonly string[], now: Date): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      faults: { type: 'string' },
      minutes: { type: 'string' },
      nodes: { type: 'string' },
      engine: { type: 'string' },
      injections: { type: 'string' },
      report: { type: 'string' },
      executable: { type: 'string' },
      judge: { type: 'string' },
      keep: { type: 'boolean' },
      failover: { type: 'boolean' },
      ci: { type: 'boolean' },
      smoke: { type: 'boolean' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const mode = modeOf(values);
  const stamp = now.toISOString().slice(0, 19).replaceAll(':', '-');
  return {
    mode,
    seed: number('seed', values.seed, { otherwise: now.getTime() % SEEDS, min: 0, max: Number.MAX_SAFE_INTEGER }),
    faults: values.faults === undefined ? faultsOf(mode) : values.faults.split(',').map((word) => word.trim()),
    minutes: number('minutes', values.minutes, {
      otherwise: mode === 'ci' ? CI_MINUTES : MINUTES,
      min: 0,
      max: 10_000,
    }),
    nodes: number('nodes', values.nodes, { otherwise: 3, min: 1, max: 9 }),
    engine: engineOf(values.engine),
    injections: number('injections', values.injections, { otherwise: 50, min: 1, max: 100_000 }),
    report: path.resolve(values.judge ?? values.report ?? path.join('chaos-report', stamp)),
    executable: values.executable === undefined ? '' : path.resolve(values.executable),
    keep: values.keep === true,
  };
}

type Flag = 'help' | 'list' | 'failover' | 'ci' | 'smoke';

function modeOf(values: { readonly judge?: string | undefined } & { readonly [F in Flag]?: boolean | undefined }) {
  if (values.help === true) return 'help';
  if (values.list === true) return 'list';
  if (values.judge !== undefined) return 'judge';
  if (values.failover === true) return 'failover';
  if (values.smoke === true) return 'smoke';
  return values.ci === true ? 'ci' : 'mix';
}

function faultsOf(mode: ChaosOptions['mode']): readonly string[] {
  if (mode === 'ci') return CI_FAULTS;
  return mode === 'smoke' ? SMOKE_FAULTS : ['all'];
}

function engineOf(text: string | undefined): EngineKind {
  if (text === undefined || text === 'process') return 'process';
  if (text === 'docker') return 'docker';
  throw new Error(`--engine: expected process or docker, not ${text}.`);
}

interface Range {
  readonly otherwise: number;
  readonly min: number;
  readonly max: number;
}

function number(name: string, text: string | undefined, { otherwise, min, max }: Range): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new Error(`--${name}: expected a number from ${min} to ${max}, not ${JSON.stringify(text)}.`);
  }
  return value;
}
