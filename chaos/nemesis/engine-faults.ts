// Faults of the engine. With the process engine that is the leader's launcher, the shell that forks all supervisors; with Docker it is
// the daemon, if it is one that was started for this and may be killed.

import { waitUntil } from '../local-cluster/wait-until.ts';
import type { Fault, OngoingFault } from './fault.ts';
import { freezePieces, killPieces } from './kills.ts';
import { childrenOf, processState, send } from './processes.ts';
import type { Session } from '../session/session.ts';

const HANG_MS = 2_000;
const DOWN_MS = 500;

interface Hit {
  readonly name: string;
  readonly pid: number;
}

/** Programs that a launcher may be. */
const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'busybox']);

/** One that has just been killed is back with the next launch. */
const LAUNCHER_LIMIT_MS = 10_000;

async function launcherOfLeader({ cluster }: Session): Promise<Hit> {
  const find = async (): Promise<Hit | null> => {
    const leader = await cluster.leader();
    const launcher = childrenOf(leader.pid() ?? 0).find(({ program }) => SHELLS.has(program));
    return launcher === undefined ? null : { name: `launcher of ${leader.name}`, pid: launcher.pid };
  };
  return waitUntil(find, { limitMs: LAUNCHER_LIMIT_MS, what: () => 'the leader has no launcher' });
}

async function killed({ name, pid }: Hit): Promise<OngoingFault> {
  const at = performance.now();
  send(pid, 'SIGKILL');
  return {
    target: name,
    at,
    proof: async () => (processState(pid) === null ? `process ${pid} is gone` : null),
    // The node starts another one by itself.
    heal: async () => undefined,
  };
}

async function frozen({ name, pid }: Hit): Promise<OngoingFault> {
  const at = performance.now();
  send(pid, 'SIGSTOP');
  return {
    target: name,
    at,
    proof: async () => (processState(pid) === 'T' ? `process ${pid} is in state T` : null),
    heal: async () => void send(pid, 'SIGCONT'),
  };
}

/** The launcher is frozen, then its node killed: launches that it was given come late, when another leads. */
async function lateLauncher(session: Session): Promise<OngoingFault> {
  const leader = await session.cluster.leader();
  const launcher = await launcherOfLeader(session);
  const frozenLauncher = await frozen(launcher);
  const start = await session.nextStart(performance.now(), { limitMs: GATHER_MS, wanted: () => false });
  const at = performance.now();
  await leader.kill();
  return {
    target: `${leader.name} and its launcher`,
    at,
    proof: async () => (start === null && !leader.running() ? frozenLauncher.proof() : null),
    heal: async () => {
      await frozenLauncher.heal();
      await leader.start();
    },
  };
}

/** Time in which launches gather in the frozen launcher's input. */
const GATHER_MS = 300;

const processOnly = ({ options }: Session) => (options.engine === 'process' ? null : 'of the process engine');
const ownDaemon = ({ options }: Session) => {
  if (options.engine !== 'docker') return 'of the docker engine';
  return options.docker.daemon === null ? 'the Docker daemon is not one of our own (unset DOCKER_HOST)' : null;
};
const daemonOf = ({ options }: Session) => (options.docker.daemon === null ? [] : [options.docker.daemon]);
const facts = { groups: ['engine'], reign: 'goes on' } as const;

export const ENGINE_FAULTS: readonly Fault[] = [
  {
    ...{ ...facts, name: 'engine-kill', what: "kill -9 of the leader's launcher of processes", holdMs: 0 },
    missing: processOnly,
    begin: async (session) => killed(await launcherOfLeader(session)),
  },
  {
    ...{
      ...facts,
      name: 'engine-hang',
      what: "SIGSTOP of the leader's launcher of processes",
      holdMs: HANG_MS,
      holdsEngine: true,
    },
    missing: processOnly,
    begin: async (session) => frozen(await launcherOfLeader(session)),
  },
  {
    ...{ groups: ['engine', 'two'], reign: 'ends', holdMs: HANG_MS, holdsEngine: true, name: 'engine-late' },
    what: "the leader's launcher is frozen, the leader killed, and the launcher goes on when another leads",
    missing: processOnly,
    begin: lateLauncher,
  },
  {
    ...{ ...facts, name: 'docker-hang', what: 'SIGSTOP of the Docker daemon', holdMs: HANG_MS, holdsEngine: true },
    missing: ownDaemon,
    begin: async (session) => freezePieces(daemonOf(session)),
  },
  {
    ...{ ...facts, name: 'docker-kill', what: 'kill -9 of the Docker daemon, and a new one' },
    ...{ holdMs: DOWN_MS, holdsEngine: true, losesOutput: true },
    missing: ownDaemon,
    begin: async (session) => killPieces(daemonOf(session)),
  },
];
