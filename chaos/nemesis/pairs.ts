// Two at once.

import { NOTHING_MISSING } from './fault.ts';
import type { Fault, OngoingFault } from './fault.ts';
import { etcdLeader } from './etcd-faults.ts';
import { freezePieces, killPieces, leaderOnly, oneFollower } from './kills.ts';

function together(parts: readonly OngoingFault[]): OngoingFault {
  return {
    target: parts.map(({ target }) => target).join(' and '),
    at: Math.min(...parts.map(({ at }) => at)),
    proof: async () => {
      const proofs = await Promise.all(parts.map((part) => part.proof()));
      return proofs.some((proof) => proof === null) ? null : proofs.join('; ');
    },
    heal: async () => {
      for (const part of parts) await part.heal();
    },
  };
}

const facts = { groups: ['two'], reign: 'ends', missing: NOTHING_MISSING } as const;

export const PAIRS: readonly Fault[] = [
  {
    ...{ ...facts, name: 'kill-leader-and-etcd-leader', holdMs: 0 },
    what: "kill -9 of the leader and of etcd's own leader together",
    begin: async (session) => {
      const [leader, member] = await Promise.all([session.cluster.leader(), etcdLeader(session)]);
      return together(await Promise.all([killPieces([leader]), killPieces([member])]));
    },
  },
  {
    ...{ ...facts, name: 'kill-leader-and-pause-follower', holdMs: 0 },
    what: 'kill -9 of the leader while another node is frozen: one of three is left',
    begin: async (session) => {
      const [leader, follower] = await Promise.all([leaderOnly(session), oneFollower(session)]);
      const frozen = await freezePieces(follower);
      return together([await killPieces(leader), frozen]);
    },
  },
];
