// Where runs are made. The short way to a body is the leader's loop, which plans a run in the transaction that creates it: this node's own
// while it leads, else over a connection to the node that does. When many starts are under way that way would cost more than it gains (the
// leader would make all nodes' runs, between its own transactions), so each node then makes its own in the store, and the leader finds them.

import { AppError } from '../../store/model/errors.ts';
import type { PendingRun } from '../../store/model/run.ts';
import type { StateStore, Transaction, TransactionResult } from '../../store/state/port.ts';
import { createForwardedStarts } from './forwarded-starts.ts';
import type { KeyedStart, LeaderDoor } from './forwarded-starts.ts';
import { createRunStarter } from './run-starter.ts';
import type { RunStarter } from './run-starter.ts';

export interface StartDesk {
  /** For the API of this node. */
  readonly starter: RunStarter;
  /** For other nodes, which take this one for the leader. */
  readonly startHere: (start: KeyedStart) => Promise<PendingRun>;
  /** The API is served before the node has joined its cluster. */
  joined(loop: LeaderLoop): void;
  /** From here on starts may be handed over. */
  hand(leader: LeaderDoor): void;
}

/** This node's own loop, which runs while the node leads. */
export interface LeaderLoop {
  /** Null = this node does not lead. */
  status(): object | null;
  /** Null = declined: nothing was written. */
  offer(starts: {
    readonly transaction: Transaction;
    readonly runs: readonly PendingRun[];
  }): Promise<TransactionResult | null>;
}

export interface StartDeskOptions {
  readonly state: StateStore;
  readonly now: () => number;
  readonly newId: () => string;
  /** Of the starts in one message to the leader. */
  readonly bytesMax: number;
}

/** Up to so many starts under way, each of them takes the short way (npm run bench -- cluster). */
const SHORT_WAY_MAX = 3;

export function createStartDesk({ state, now, newId, bytesMax }: StartDeskOptions): StartDesk {
  let loop: LeaderLoop | null = null;
  let leader: LeaderDoor | null = null;
  let underWay = 0;
  const isLeading = () => loop !== null && loop.status() !== null;
  const isBusy = () => underWay > SHORT_WAY_MAX;
  const counted = async <T>(work: Promise<T>): Promise<T> => {
    underWay += 1;
    return work.finally(() => (underWay -= 1));
  };
  const own = createRunStarter({
    ...{ state, now },
    commitStarts: async (transaction, runs) =>
      (isBusy() ? null : await loop?.offer({ transaction, runs })) ?? state.commit(transaction),
  });
  const forwarded = createForwardedStarts({
    ...{ own, newId, bytesMax },
    leader: {
      isOpen: () => leader !== null && !isBusy() && !isLeading() && leader.isOpen(),
      start: async (starts) => leader?.start(starts) ?? starts.map(() => null),
    },
  });
  return {
    starter: { start: (request) => counted(forwarded.start(request)) },
    startHere: async (start) => {
      if (!isLeading()) throw new AppError('unavailable', 'This node does not lead.', { outcome: 'not_applied' });
      return counted(own.start(start));
    },
    joined: (given) => {
      loop = given;
    },
    hand: (given) => {
      leader = given;
    },
  };
}
