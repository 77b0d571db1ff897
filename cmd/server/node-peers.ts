// The node's ear and mouth among the others: the listener between nodes, what is heard there, and the streams of tasks that only another
// node can reach. Loaded with etcd only, since gRPC costs memory.

import type { Logger } from 'pino';
import type { LiveTasks } from '../../api/operations/deps.ts';
import type { ClusterNode } from '../../cluster/join.ts';
import type { EngineHolder } from '../../cluster/peers/options.ts';
import type { Peers, Pulse } from '../../cluster/peers/port.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { MemberEngine } from '../../store/model/cluster.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { createLiveTasks } from './live-tasks.ts';
import type { Opened } from './opened.ts';

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
  readonly opened: Opened;
  readonly now: () => number;
  readonly log: Logger;
}

/** Throws 'invalid' or 'conflict' that says what to do: a wrong certificate, a taken port. */
export async function openNodePeers(options: NodePeersOptions): Promise<NodePeers> {
  const { cluster, clusterId, nodeId, engine, member, opened, now, log } = options;
  const own = createLiveTasks(engine);
  if (cluster === null) return { peers: null, address: '', live: own, joined: () => undefined };
  const { openPeers } = await import('../../cluster/peers/open-peers.ts');
  let node: ClusterNode | null = null;
  const self = { nodeId, name: cluster.name };
  const opening = await openPeers({
    ...{ self, clusterId, log, tls: cluster.tls, bind: cluster.bind, advertise: cluster.advertise },
    source: () => node?.pulse() ?? silentPulse({ ...self, clock: now() }),
    serve: { identity: member.identity, tasks: own },
    monotonicMs: () => performance.now(),
  });
  opened.use(() => opening.close());
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

function holdersOf(node: ClusterNode | null): readonly EngineHolder[] {
  return (node?.status().members ?? []).map(({ name, nodeId, peerAddress, engine }) => {
    return { name, nodeId, address: peerAddress, engineIdentity: engine.identity };
  });
}
