// One node of the simulated cluster: the real cluster code, scheduling loop, duties and API operations, put together as the
// composition root does it, on links instead of connections.

import { createEventOperations } from '../../api/operations/events.ts';
import { createRunOperations } from '../../api/operations/runs.ts';
import type { ApiDeps } from '../../api/operations/deps.ts';
import { createClusterClock } from '../../cluster/cluster-clock.ts';
import { joinCluster } from '../../cluster/join.ts';
import type { ClusterNode, ClusterTimings, JoinOptions, LocalMemory, Remembered } from '../../cluster/join.ts';
import type { LeaderDuty, Leadership } from '../../cluster/leadership.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import { createArchivingDuty } from '../../scheduler/loop/archiver.ts';
import { createSchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { createSweepingDuty } from '../../scheduler/loop/sweeping.ts';
import { AppError, errorText } from '../../store/model/errors.ts';
import { createResolver } from '../../store/resolve.ts';
import type { SecretStore } from '../../store/secrets/port.ts';
import type { StateStore } from '../../store/state/port.ts';
import { newUuid } from '../../store/uuid.ts';
import { monotonicMs, wallMs } from './clocks.ts';
import { LIMITS, SIMULATED_TIMINGS } from './fixtures.ts';
import { createObjectLink } from './object-link.ts';
import type { PeerNetwork } from './peer-link.ts';
import { createStartDesk } from '../../api/operations/start-desk.ts';
import { leaderDoor } from './leader-door.ts';
import { createStoreLink } from './store-link.ts';
import type { Process, Universe } from './universe.ts';
import type { Wire } from './wire.ts';

/** Who in the node talks to the store. */
export type Role = 'cluster' | 'duty' | 'member' | 'api';

export interface NodeDeps {
  readonly universe: Universe;
  readonly wire: Wire;
  readonly peers: PeerNetwork;
  readonly blobs: Map<string, Buffer>;
  /** The store as this process's calls find it on the other side of the wire. */
  readonly storeFor: (process: Process, role: Role) => StateStore;
  /** What the node's code gets instead of its link to the store. */
  readonly wrapStore: (process: Process, role: Role, link: StateStore) => StateStore;
  readonly engineFor: (process: Process) => Engine;
  /** Told of each term that this node's duties begin; may change what they see of it. */
  readonly reign: (process: Process, leadership: Leadership) => Leadership;
  /** Changes to the usual ones. */
  readonly timings: Partial<ClusterTimings>;
  /** Something that must never happen did: an invariant of the code, a join that failed for good. */
  readonly broke: (process: Process, why: string) => void;
}

/** What outlives the node's processes. */
export interface NodeDisk {
  readonly name: string;
  remembered: Remembered | null;
}

export interface RunningNode {
  readonly process: Process;
  readonly runs: ReturnType<typeof createRunOperations>;
  readonly events: ReturnType<typeof createEventOperations>;
  /** Null until it has joined. */
  readonly cluster: () => ClusterNode | null;
  stop(): Promise<void>;
}

const RELIST_MS = 3_000;
const SWEEP = { intervalMs: 4_000, graceMs: 2_500 } as const;
const STOP_GRACE_MS = 200;
const CALL_DEADLINE_MS = 600;
const STARTS_BYTES_MAX = 100_000;

/** Runs in the new process: its owner calls it from an event of that process. */
export function startNode(deps: NodeDeps, disk: NodeDisk, process: Process): RunningNode {
  const { universe, wire, peers } = deps;
  const clock = createClusterClock(
    { alone: false },
    { wallMs: () => wallMs(universe, process), monotonicMs: () => monotonicMs(universe, process) },
  );
  const { now } = clock;
  const log = logOf(universe, process);
  const link = (role: Role) => {
    const store = deps.storeFor(process, role);
    const raw = createStoreLink({ ...{ universe, wire, process, role, store }, deadlineMs: CALL_DEADLINE_MS });
    return deps.wrapStore(process, role, raw);
  };
  const [clusterStore, dutyStore, memberStore, apiStore] = [link('cluster'), link('duty'), link('member'), link('api')];
  const objects = createObjectLink({ wire, process, blobs: deps.blobs });
  const engine = deps.engineFor(process);
  const address = `${process.name}:7000`;
  const nodeId = `${process.name}-${process.life}`;
  const links = peers.join({ process, nodeId, address });
  const leading = (duty: LeaderDuty): LeaderDuty => ({
    name: duty.name,
    run: (leadership) => duty.run(deps.reign(process, leadership)),
  });
  const resolver = createResolver({ state: dutyStore, objects, secrets: NO_SECRETS });
  const scheduling = createSchedulingDuty({ state: dutyStore, engine, resolver, settings: LOOP_SETTINGS, now, log });
  const options: JoinOptions = {
    state: clusterStore,
    self: selfOf({ process, nodeId, address, started: now() }),
    leaderDuties: [scheduling, createSweepingDuty({ state: dutyStore, engine, settings: SWEEP, log })].map(leading),
    nodeDuties: [createArchivingDuty({ state: memberStore, objects, engine, log })],
    peers: links,
    memory: memoryOn(disk),
    timings: { ...SIMULATED_TIMINGS, ...deps.timings },
    monotonicMs: () => performance.now(),
    clock,
    newId: newUuid,
    isProcessGone: (pid) => pid !== process.life,
    log,
  };
  let cluster: ClusterNode | null = null;
  const joined = join(deps, options, process).then((node) => {
    cluster = node;
    if (node !== null) links.speak(() => node.pulse());
  });
  const desk = createStartDesk({ state: apiStore, now, newId: newUuid, bytesMax: STARTS_BYTES_MAX });
  desk.joined(scheduling);
  desk.hand(leaderDoor(links, () => cluster));
  links.serve(desk.startHere);
  const api = apiDeps({ state: apiStore, objects, now, starter: desk.starter });
  return {
    process,
    runs: createRunOperations(api),
    events: createEventOperations(api),
    cluster: () => cluster,
    stop: async () => {
      await joined;
      await cluster?.stop();
      await engine.close();
    },
  };
}

/** A node that is refused ends; whatever started it starts it again. */
async function join(
  { universe, broke }: NodeDeps,
  options: JoinOptions,
  process: Process,
): Promise<ClusterNode | null> {
  try {
    const node = await joinCluster(options);
    node.failed.catch((error: unknown) => broke(process, errorText(error)));
    universe.note(() => `${process.name} has joined`);
    return node;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    universe.note(() => `${process.name} could not join: ${errorText(error)}`);
    broke(process, `could not join: ${errorText(error)}`);
    return null;
  }
}

const LOOP_SETTINGS = {
  taskTimeoutMaxMs: 0,
  runTimeoutMaxMs: 0,
  stopGraceMs: STOP_GRACE_MS,
  engineKeepsLogs: true,
  globalRunLimit: LIMITS.globalRuns,
  pipelineRunLimit: LIMITS.pipelineRuns,
  apiBaseUrl: 'http://127.0.0.1:8080',
  relistMs: RELIST_MS,
} as const;

const NO_SECRETS: SecretStore = {
  put: async () => undefined,
  get: async () => null,
  delete: async () => undefined,
  close: async () => undefined,
};

function selfOf(facts: {
  readonly process: Process;
  readonly nodeId: string;
  readonly address: string;
  readonly started: number;
}): JoinOptions['self'] {
  const { process, nodeId, address, started } = facts;
  return {
    name: process.name,
    nodeId,
    machine: `machine of ${process.name}`,
    pid: process.life,
    version: 'simulated',
    formats: { min: 1, max: 1 },
    apiUrl: `http://${process.name}:8080`,
    peerAddress: address,
    started,
    engine: { kind: 'process', identity: 'the simulated engine', where: 'the simulated engine' },
  };
}

function memoryOn(disk: NodeDisk): LocalMemory {
  return {
    place: `the memory of ${disk.name}`,
    read: async () => disk.remembered,
    write: async (remembered) => {
      disk.remembered = remembered;
    },
  };
}

function apiDeps(given: Pick<ApiDeps, 'state' | 'starter' | 'objects' | 'now'>): ApiDeps {
  return {
    ...given,
    secrets: NO_SECRETS,
    live: {
      logs: () => {
        throw new AppError('not_found', 'Not Found');
      },
      exec: () => Promise.reject(new AppError('conflict', 'The task does not run.')),
    },
    settings: {
      pipelineRunConcurrencyLimit: LIMITS.pipelineRuns,
      pipelineObjectLimit: 10,
      stopTimeoutMs: STOP_GRACE_MS,
      taskApiUrl: () => 'http://127.0.0.1:8080',
      version: 'simulated',
      commit: 'simulated',
    },
    newId: newUuid,
  };
}

function logOf(universe: Universe, process: Process) {
  const line = (fields: object, message: string) =>
    universe.note(() => `${process.name} says: ${message} ${JSON.stringify(fields)}`);
  return { debug: line, info: line, warn: line, error: line };
}
