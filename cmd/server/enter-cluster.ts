// Joins the cluster with everything that a member does: as the leader, and as any node. A node on the embedded store joins a cluster
// of one in the same way.

import type { Logger } from 'pino';
import type { ApiDeps } from '../../api/operations/deps.ts';
import { CLUSTER_TIMINGS, RECORD_FORMATS, joinCluster } from '../../cluster/join.ts';
import type { ClusterNode, LocalMemory, SelfDescription } from '../../cluster/join.ts';
import type { LeaderDuty } from '../../cluster/leadership.ts';
import type { Peers, PulseSource } from '../../cluster/peers/port.ts';
import type { NodeDuty } from '../../cluster/presence.ts';
import { createArchivingDuty } from '../../scheduler/loop/archiver.ts';
import { createBlobSweepingDuty } from '../../scheduler/loop/blob-sweeping.ts';
import { createSchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { createRetentionDuty } from '../../scheduler/loop/retention.ts';
import { createSweepingDuty } from '../../scheduler/loop/sweeping.ts';
import { createResolver } from '../../store/resolve.ts';
import type { StateStore } from '../../store/state/port.ts';
import { newUuid } from '../../store/uuid.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { ServerConfig } from './config-keys.ts';
import { describeEngine } from './describe-engine.ts';
import { describeMachine, isProcessGone } from './describe-self.ts';
import { BLOB_SWEEPING, retentionSettings, schedulingSettings, sweepingSettings } from './node-settings.ts';
import type { OpenedEngine } from './open-engine.ts';
import type { Opened } from './opened.ts';
import type { DataPaths } from './paths.ts';

export interface EnterClusterOptions {
  readonly config: ServerConfig;
  readonly paths: DataPaths;
  /** Null = alone. */
  readonly cluster: ClusterSettings | null;
  readonly nodeId: string;
  readonly apiUrl: string;
  readonly state: StateStore;
  readonly memory: LocalMemory;
  readonly deps: ApiDeps;
  readonly chosen: OpenedEngine;
  readonly opened: Opened;
  readonly now: () => number;
  readonly log: Logger;
}

/** Of a node alone: nobody else is there to be told apart from. */
const ALONE = 'alone';

/** Resolves once the node is a member. Throws 'conflict' or 'invalid' that says what is in the way. */
export async function enterCluster(options: EnterClusterOptions): Promise<ClusterNode> {
  const { cluster, nodeId, opened, log, state, memory, now, chosen, paths } = options;
  const name = cluster?.name ?? ALONE;
  const joined: { node: ClusterNode | null } = { node: null };
  const pulse: PulseSource = () => joined.node?.pulse() ?? silentPulse({ nodeId, name, clock: now() });
  const engine = await describeEngine(chosen.engine, { file: paths.engine, alone: cluster === null, log });
  const peers = cluster === null ? null : await listenForPeers(cluster, { pulse, opened });
  const node = await joinCluster({
    ...{ state, memory, now, log, isProcessGone, newId: newUuid },
    self: describeSelf(options, { name, engine, peerAddress: peers?.address ?? '' }),
    leaderDuties: leaderDuties(options),
    nodeDuties: nodeDuties(options),
    peers: peers?.peers ?? null,
    timings: CLUSTER_TIMINGS,
    monotonicMs: () => performance.now(),
  });
  joined.node = node;
  opened.use(() => node.stop());
  return node;
}

interface OpenedPeers {
  readonly peers: Peers;
  readonly address: string;
}

async function listenForPeers(
  _cluster: ClusterSettings,
  _options: { readonly pulse: PulseSource; readonly opened: Opened },
): Promise<OpenedPeers | null> {
  return null;
}

/** Heard by others between listening and joining. */
function silentPulse(self: { readonly nodeId: string; readonly name: string; readonly clock: number }) {
  return { ...self, term: null, storeSilentMs: 0, leader: null };
}

function describeSelf(
  { nodeId, apiUrl, now }: EnterClusterOptions,
  found: Pick<SelfDescription, 'name' | 'peerAddress' | 'engine'>,
): SelfDescription {
  return {
    ...{ ...found, nodeId, apiUrl },
    machine: describeMachine(),
    pid: process.pid,
    version: GOFER_VERSION,
    formats: RECORD_FORMATS,
    started: now(),
  };
}

function leaderDuties({ config, state, deps, chosen, now, log }: EnterClusterOptions): readonly LeaderDuty[] {
  const { engine } = chosen;
  const { objects } = deps;
  const settings = schedulingSettings(config, () => deps.settings.taskApiUrl());
  return [
    createSchedulingDuty({ state, engine, resolver: createResolver(deps), settings, now, log }),
    createRetentionDuty({ state, objects, settings: retentionSettings(config), now, log }),
    createSweepingDuty({ state, engine, settings: sweepingSettings(config, engine.kind), log }),
    createBlobSweepingDuty({ state, objects, settings: BLOB_SWEEPING, log }),
  ];
}

function nodeDuties({ state, deps, chosen, log }: EnterClusterOptions): readonly NodeDuty[] {
  return [createArchivingDuty({ state, objects: deps.objects, engine: chosen.engine, log })];
}
