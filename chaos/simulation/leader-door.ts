// A simulated node's way to the leader, for starts that are handed over: the address comes from the pulse, as on a real node.

import type { LeaderDoor } from '../../api/operations/forwarded-starts.ts';
import type { ClusterNode } from '../../cluster/join.ts';
import type { SimulatedPeers } from './peer-link.ts';

/** A leader that was not heard for longer is not asked. */
const SILENT_MAX_MS = 900;

export function leaderDoor(links: SimulatedPeers, cluster: () => ClusterNode | null): LeaderDoor {
  const leaderAddress = () => {
    const node = cluster();
    const leader = node?.pulse().leader ?? null;
    if (node === null || leader === null || leader.silentMs > SILENT_MAX_MS) return null;
    return node.status().members.find(({ nodeId }) => nodeId === leader.nodeId)?.peerAddress ?? null;
  };
  return {
    isOpen: () => leaderAddress() !== null,
    start: async (starts) => {
      const address = leaderAddress();
      return address === null ? starts.map(() => null) : links.handOver(address, starts);
    },
  };
}
