// Where runs are made. The short way to a body is the leader's loop, which plans a run in the transaction that creates it: this node's own
// while it leads, else over a connection to the node that does. When many starts are under way that way would cost more than it gains (the
// leader would make all nodes' runs, between its own transactions), so each node then makes its own in the store, and the leader finds them.

import { createForwardedStarts } from '../../api/operations/forwarded-starts.ts';
import { createRunStarter } from '../../api/operations/run-starter.ts';
import type { RunStarter } from '../../api/operations/run-starter.ts';
import type { LeaderStarts, StartHere } from '../../cluster/peers/run-starts.ts';
import { STARTS_BYTES_MAX } from '../../cluster/peers/timings.ts';
import type { SchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { AppError } from '../../store/model/errors.ts';
import type { StateStore } from '../../store/state/port.ts';
import { newUuid } from '../../store/uuid.ts';

export interface StartDesk {
  /** For the API of this node. */
  readonly starter: RunStarter;
  /** For other nodes, which take this one for the leader. */
  readonly startHere: StartHere;
  /** The API is served before the node has joined its cluster. */
  joined(scheduling: SchedulingDuty): void;
  /** From here on starts may be handed over. */
  hand(leader: LeaderStarts): void;
}

/** Up to so many starts under way, each of them takes the short way (npm run bench -- cluster). */
const SHORT_WAY_MAX = 3;

export function createStartDesk({ state, now }: { readonly state: StateStore; readonly now: () => number }): StartDesk {
  let scheduling: SchedulingDuty | null = null;
  let leader: LeaderStarts | null = null;
  let underWay = 0;
  const isLeading = () => scheduling !== null && scheduling.status() !== null;
  const isBusy = () => underWay > SHORT_WAY_MAX;
  const counted = async <T>(work: Promise<T>): Promise<T> => {
    underWay += 1;
    return work.finally(() => (underWay -= 1));
  };
  const own = createRunStarter({
    ...{ state, now },
    commitStarts: async (transaction, runs) =>
      (isBusy() ? null : await scheduling?.offer({ transaction, runs })) ?? state.commit(transaction),
  });
  const forwarded = createForwardedStarts({
    ...{ own, newId: newUuid, bytesMax: STARTS_BYTES_MAX },
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
    joined: (duty) => {
      scheduling = duty;
    },
    hand: (given) => {
      leader = given;
    },
  };
}
