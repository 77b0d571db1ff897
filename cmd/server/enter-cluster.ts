// Joins the cluster with everything that a member does: as the leader, and as any node. A node on the embedded store joins a cluster
// of one in the same way.

import type { Logger } from 'pino';
import type { ApiDeps } from '../../api/operations/deps.ts';
import type { ClusterClock } from '../../cluster/cluster-clock.ts';
import { CLUSTER_TIMINGS, RECORD_FORMATS, joinCluster } from '../../cluster/join.ts';
import type { ClusterNode, LocalMemory, SelfDescription } from '../../cluster/join.ts';
import type { LeaderDuty } from '../../cluster/leadership.ts';
import type { NodeDuty } from '../../cluster/presence.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import { createArchivingDuty } from '../../scheduler/loop/archiver.ts';
import { createBlobSweepingDuty } from '../../scheduler/loop/blob-sweeping.ts';
import { createSchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { createRetentionDuty } from '../../scheduler/loop/retention.ts';
import { createSweepingDuty } from '../../scheduler/loop/sweeping.ts';
import type { MemberEngine } from '../../store/model/cluster.ts';
import { createResolver } from '../../store/resolve.ts';
import type { StateStore } from '../../store/state/port.ts';
import { newUuid } from '../../store/uuid.ts';
import type { ServerConfig } from './config-keys.ts';
import { describeMachine, isProcessGone } from './describe-self.ts';
import type { NodePeers } from './node-peers.ts';
import { BLOB_SWEEPING, retentionSettings, schedulingSettings, sweepingSettings } from './node-settings.ts';
import type { Opened } from './opened.ts';
import type { StartDesk } from '../../api/operations/start-desk.ts';

export interface EnterClusterOptions {
  readonly config: ServerConfig;
  readonly name: string;
  readonly nodeId: string;
  readonly apiUrl: string;
  readonly engine: Engine;
  readonly member: MemberEngine;
  readonly peers: NodePeers;
  readonly state: StateStore;
  readonly starts: StartDesk;
  readonly memory: LocalMemory;
  readonly deps: ApiDeps;
  readonly opened: Opened;
  readonly clock: ClusterClock;
  readonly log: Logger;
}

/** Resolves once the node is a member. Throws 'conflict' or 'invalid' that says what is in the way. */
export async function enterCluster(options: EnterClusterOptions): Promise<ClusterNode> {
  const { peers, opened, log, state, memory, clock } = options;
  const node = await joinCluster({
    ...{ state, memory, clock, log, isProcessGone, newId: newUuid },
    self: describeSelf(options),
    leaderDuties: leaderDuties(options),
    nodeDuties: nodeDuties(options),
    peers: peers.peers,
    timings: CLUSTER_TIMINGS,
    monotonicMs: () => performance.now(),
  });
  opened.use(() => node.stop());
  peers.joined(node);
  return node;
}

function describeSelf({ name, nodeId, apiUrl, peers, member, clock }: EnterClusterOptions): SelfDescription {
  return {
    ...{ name, nodeId, apiUrl, peerAddress: peers.address },
    machine: describeMachine(),
    pid: process.pid,
    version: GOFER_VERSION,
    formats: RECORD_FORMATS,
    started: clock.now(),
    engine: member,
  };
}

function leaderDuties({ config, state, starts, deps, engine, clock, log }: EnterClusterOptions): readonly LeaderDuty[] {
  const { now } = clock;
  const { objects } = deps;
  const settings = schedulingSettings(config, () => deps.settings.taskApiUrl());
  const scheduling = createSchedulingDuty({ state, engine, resolver: createResolver(deps), settings, now, log });
  starts.joined(scheduling);
  return [
    scheduling,
    createRetentionDuty({ state, objects, settings: retentionSettings(config), now, log }),
    createSweepingDuty({ state, engine, settings: sweepingSettings(config, engine.kind), log }),
    createBlobSweepingDuty({ state, objects, settings: BLOB_SWEEPING, log }),
  ];
}

function nodeDuties({ state, deps, engine, log }: EnterClusterOptions): readonly NodeDuty[] {
  return [createArchivingDuty({ state, objects: deps.objects, engine, log })];
}
