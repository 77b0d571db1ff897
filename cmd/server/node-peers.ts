// The node's ear and mouth among the others: the listener between nodes, what is heard there, and the streams of tasks that only another
// node can reach. Loaded with etcd only, since gRPC costs memory.

import type { Logger } from 'pino';
import type { LiveTasks } from '../../api/operations/deps.ts';
import type { ClusterClock } from '../../cluster/cluster-clock.ts';
import type { ClusterNode } from '../../cluster/join.ts';
import type { EngineHolder } from '../../cluster/peers/options.ts';
import type { LeaderSeen } from '../../cluster/peers/run-starts.ts';
import type { Peers, Pulse } from '../../cluster/peers/port.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { MemberEngine } from '../../store/model/cluster.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { createLiveTasks } from './live-tasks.ts';
import type { Opened } from './opened.ts';
import type { StartDesk } from '../../api/operations/start-desk.ts';

export interface NodePeers {
  /** Null = alone: nobody is there to be heard. */
  readonly peers: Peers | null;
  /** What others dial; '' = nothing. */
  readonly address: string;
  /** Logs and shells of bodies, wherever they can be reached. */
  readonly live: LiveTasks;
  /** From here on others hear how this node is. */
  joined(node: ClusterNode): void;
}

export interface NodePeersOptions {
  readonly cluster: ClusterSettings | null;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly engine: Engine;
  readonly member: MemberEngine;
  readonly starts: StartDesk;
  readonly opened: Opened;
  readonly clock: ClusterClock;
  readonly log: Logger;
}

/** Throws 'invalid' or 'conflict' that says what to do: a wrong certificate, a taken port. */
export async function openNodePeers(options: NodePeersOptions): Promise<NodePeers> {
  const { cluster, clusterId, nodeId, engine, member, starts, opened, clock, log } = options;
  const own = createLiveTasks(engine);
  if (cluster === null) return { peers: null, address: '', live: own, joined: () => undefined };
  const { openPeers } = await import('../../cluster/peers/open-peers.ts');
  let node: ClusterNode | null = null;
  const self = { nodeId, name: cluster.name };
  const opening = await openPeers({
    ...{ self, clusterId, log, tls: cluster.tls, bind: cluster.bind, advertise: cluster.advertise },
    source: () => node?.pulse() ?? silentPulse({ ...self, clock: clock.own() }),
    serve: { identity: member.identity, tasks: own },
    startHere: starts.startHere,
    monotonicMs: () => performance.now(),
  });
  opened.use(() => opening.close());
  starts.hand(opening.leaderStarts(createLeaderSight(() => node)));
  return {
    peers: opening.peers,
    address: opening.address,
    live: opening.taskStreams({ engine: () => node?.status().engine ?? null, members: () => holdersOf(node) }),
    joined: (joining) => {
      node = joining;
    },
  };
}

/** Heard by others between listening and joining. */
function silentPulse(self: Pick<Pulse, 'nodeId' | 'name' | 'clock'>): Pulse {
  return { ...self, term: null, storeSilentMs: 0, leader: null };
}

/** The leader that this node hears; null = none, or it leads itself. Asked at each start, so members are looked through once a leader. */
function createLeaderSight(node: () => ClusterNode | null): () => LeaderSeen | null {
  let known = { nodeId: '', address: '' };
  return () => {
    const heard = node()?.pulse().leader ?? null;
    if (heard === null) return null;
    if (heard.nodeId !== known.nodeId) {
      const member = node()
        ?.status()
        .members.find(({ nodeId }) => nodeId === heard.nodeId);
      if (member === undefined) return null;
      known = { nodeId: heard.nodeId, address: member.peerAddress };
    }
    return { ...known, silentMs: heard.silentMs };
  };
}

function holdersOf(node: ClusterNode | null): readonly EngineHolder[] {
  return (node?.status().members ?? []).map(({ name, nodeId, peerAddress, engine }) => {
    return { name, nodeId, address: peerAddress, engineIdentity: engine.identity };
  });
}
