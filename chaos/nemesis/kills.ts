// kill -9, SIGSTOP, SIGTERM: of the leader, of a follower, of all.

import type { LocalNode } from '../local-cluster/nodes.ts';
import type { Piece } from '../local-cluster/piece.ts';
import type { Session } from '../session/session.ts';
import { NOTHING_MISSING } from './fault.ts';
import type { Fault, OngoingFault } from './fault.ts';
import { processState } from './processes.ts';

/** Longer than the time after which a majority of the others deposes a leader that says nothing (1.5 s). */
const PAUSE_MS = 2_500;

type Pick = (session: Session) => Promise<readonly LocalNode[]>;

export const leaderOnly: Pick = async ({ cluster }) => [await cluster.leader()];

export const oneFollower: Pick = async ({ cluster, chance }) => {
  const leader = await cluster.leader();
  const [first, ...others] = cluster.nodes.filter(({ name }) => name !== leader.name);
  return first === undefined ? [] : [chance.pick([first, ...others])];
};

const all: Pick = async ({ cluster }) => cluster.nodes;

function kill(
  name: string,
  what: string,
  { pick, reign }: { readonly pick: Pick; readonly reign: Fault['reign'] },
): Fault {
  return {
    ...{ name, what, groups: ['kill'], reign, holdMs: 0, missing: NOTHING_MISSING },
    begin: async (session) => killPieces(await pick(session)),
  };
}

export async function killPieces(pieces: readonly Piece[]): Promise<OngoingFault> {
  const before = pieces.map(({ name, pid }) => ({ name, pid: pid() }));
  const at = performance.now();
  await Promise.all(pieces.map((piece) => piece.kill()));
  return {
    target: pieces.map(({ name }) => name).join(' '),
    at,
    proof: async () => {
      const gone = before.every(({ pid }) => pid !== null && processState(pid) === null);
      return gone ? `process ${before.map(({ pid }) => pid).join(', ')} is gone` : null;
    },
    heal: async () => void (await Promise.all(pieces.map((piece) => piece.start()))),
  };
}

export async function freezePieces(pieces: readonly Piece[]): Promise<OngoingFault> {
  const at = performance.now();
  for (const piece of pieces) piece.pause();
  return {
    target: pieces.map(({ name }) => name).join(' '),
    at,
    proof: async () => {
      const frozen = pieces.every((piece) => processState(piece.pid()) === 'T');
      return frozen ? `process ${pieces.map((piece) => piece.pid()).join(', ')} is in state T` : null;
    },
    heal: async () => pieces.forEach((piece) => piece.resume()),
  };
}

function pause(
  name: string,
  what: string,
  { pick, reign }: { readonly pick: Pick; readonly reign: Fault['reign'] },
): Fault {
  return {
    ...{ name, what, groups: ['pause'], reign, holdMs: PAUSE_MS, missing: NOTHING_MISSING },
    begin: async (session) => freezePieces(await pick(session)),
  };
}

/** SIGTERM: the node says good-bye to the load balancer, to its work and to the others. */
const STOP_LEADER: Fault = {
  name: 'stop-leader',
  what: 'SIGTERM to the leader',
  groups: ['stop'],
  reign: 'ends',
  holdMs: 0,
  missing: NOTHING_MISSING,
  begin: async ({ cluster }) => {
    const leader = await cluster.leader();
    const at = performance.now();
    let proof: string | null = null;
    const stopped = leader.stop().then(({ code }) => {
      if (code === 0) proof = 'exit status 0';
    });
    return {
      target: leader.name,
      at,
      proof: async () => {
        await stopped;
        return proof;
      },
      heal: async () => {
        await stopped;
        await leader.start();
      },
    };
  },
};

/** An operator's order: another node is to lead. */
const TRANSFER: Fault = {
  name: 'transfer',
  what: 'the operator has the leadership handed over (gofer cluster transfer)',
  groups: ['stop'],
  reign: 'ends',
  holdMs: 0,
  missing: ({ cluster }) => (cluster.nodes.length > 1 ? null : 'needs another node'),
  begin: async ({ cluster, api, terms }) => {
    const leader = await cluster.leader();
    const term = terms.now()?.term ?? 0;
    const at = performance.now();
    await api.transferLeadership({});
    return {
      target: leader.name,
      at,
      proof: async () => {
        const next = terms.now();
        return next !== null && next.term > term ? `${next.name} leads in term ${next.term}` : null;
      },
      heal: async () => undefined,
    };
  },
};

/** Every node is stopped and started, the next one when the one before is ready: an upgrade. */
const ROLLING: Fault = {
  name: 'rolling-restart',
  what: 'SIGTERM and a new start of every node, one after the other',
  groups: ['stop', 'rolling'],
  reign: 'ends',
  holdMs: 0,
  missing: NOTHING_MISSING,
  begin: async ({ cluster }) => {
    const before = cluster.nodes.map((node) => node.starts());
    const at = performance.now();
    const leader = await cluster.leader();
    // The leader first: what is measured from the beginning is the hand-over.
    const order = [leader, ...cluster.nodes.filter((node) => node !== leader)];
    const rolled = (async () => {
      for (const node of order) {
        await node.stop();
        await node.start();
        await node.ready();
      }
    })();
    // Reported by `heal`.
    rolled.catch(() => undefined);
    return {
      target: 'every node',
      at,
      proof: async () => {
        await rolled;
        return cluster.nodes.every((node, index) => node.starts() > (before[index] ?? 0)) ? 'all started anew' : null;
      },
      heal: () => rolled,
    };
  },
};

export const NODE_FAULTS: readonly Fault[] = [
  kill('kill-leader', 'kill -9 of the leader', { pick: leaderOnly, reign: 'ends' }),
  kill('kill-follower', 'kill -9 of a node that does not lead', { pick: oneFollower, reign: 'goes on' }),
  kill('kill-all', 'kill -9 of all nodes at once', { pick: all, reign: 'ends' }),
  pause('pause-leader', 'SIGSTOP of the leader, later SIGCONT', { pick: leaderOnly, reign: 'ends' }),
  pause('pause-follower', 'SIGSTOP of a node that does not lead', { pick: oneFollower, reign: 'goes on' }),
  STOP_LEADER,
  TRANSFER,
  ROLLING,
];
