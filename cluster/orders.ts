// Orders of an operator are records; here they are obeyed. A drained node lets go of leading and does not campaign. The leader of an
// ordered transfer resigns, and the member that was named may campaign first. Deciding is pure, the duty does what was decided.

import { keys } from '../store/keys.ts';
import type { TransferOrder } from '../store/model/cluster.ts';
import { isAppError } from '../store/model/errors.ts';
import type { LeaderDuty, Leadership } from './leadership.ts';
import type { ClusterLog, ClusterTimings } from './timings.ts';
import type { Sight } from './sight.ts';
import type { StoreLine } from './store-line.ts';
import type { ClusterView, Succession } from './view.ts';
import { createBell, pause } from './waiting.ts';

interface Self {
  readonly name: string;
  readonly nodeId: string;
}

export type TransferVerdict =
  /** Meant for this term, and somebody can follow. */
  | { readonly kind: 'hand_over' }
  /** It can never be obeyed. */
  | { readonly kind: 'drop'; readonly why: string };

export function judgeTransfer(order: TransferOrder, sight: Sight, term: number, self: Self): TransferVerdict {
  if (order.term !== term) return { kind: 'drop', why: 'it was meant for another term' };
  if (order.to === self.name) return { kind: 'drop', why: 'this node leads already' };
  const others = sight.members.filter(({ member }) => member.name !== self.name);
  const named = order.to === null ? others : others.filter(({ member }) => member.name === order.to);
  if (named.length === 0) return { kind: 'drop', why: 'no such member is alive' };
  if (named.every(({ member }) => member.standsBack !== null)) return { kind: 'drop', why: 'it stands back' };
  return { kind: 'hand_over' };
}

/** How long this node lets others campaign first, from now on; 0 = not at all. */
export function headStartLeftMs(
  succession: Succession | null,
  sight: Sight,
  self: Self,
  times: { readonly nowMs: number; readonly headStartMs: number },
): number {
  if (succession === null || succession.vacantSinceMs === null || succession.handedTo === undefined) return 0;
  const { handedTo, vacantSinceMs, nodeId } = succession;
  const candidates = sight.members.filter(({ member }) => member.standsBack === null && member.name !== self.name);
  const isOurTurn = handedTo === null ? nodeId !== self.nodeId : handedTo === self.name;
  const favoured = candidates.some(({ member }) => handedTo === null || member.name === handedTo);
  if (isOurTurn || !favoured) return 0;
  return Math.max(0, vacantSinceMs + times.headStartMs - times.nowMs);
}

export interface OrdersDutyDeps {
  readonly line: StoreLine;
  readonly view: ClusterView;
  readonly self: Self;
  readonly timings: ClusterTimings;
  /** Why this node must not lead; null = it may. */
  readonly standsBack: () => string | null;
  readonly log: ClusterLog;
}

export function createOrdersDuty(deps: OrdersDutyDeps): LeaderDuty {
  return { name: 'orders', run: (leadership) => obey(deps, leadership) };
}

async function obey(deps: OrdersDutyDeps, leadership: Leadership): Promise<void> {
  const bell = createBell();
  const silence = deps.view.tell(bell);
  try {
    while (!leadership.signal.aborted) {
      const reason = deps.standsBack();
      if (reason !== null) return leadership.lost(reason);
      await obeyTransfer(deps, leadership);
      await bell.wait(deps.timings.retryMs, leadership.signal);
    }
  } finally {
    silence();
  }
}

/** The order goes first: a leader that dies right after has obeyed it as well. */
async function obeyTransfer(deps: OrdersDutyDeps, leadership: Leadership): Promise<void> {
  const { line, view, self, timings, log } = deps;
  const sight = view.sight();
  if (sight.transfer === null) return;
  const { order, modRevision } = sight.transfer;
  const verdict = judgeTransfer(order, sight, leadership.term, self);
  try {
    const { succeeded } = await line.commit({
      compares: [leadership.fence, { target: 'mod', key: keys.transfer(), equals: modRevision }],
      writes: [{ op: 'delete', key: keys.transfer() }],
    });
    if (!succeeded) return await pause(timings.retryMs, leadership.signal);
  } catch (error) {
    if (!isAppError(error, 'unavailable')) throw error;
    return pause(timings.retryMs, leadership.signal);
  }
  if (verdict.kind === 'drop') return log.warn({ to: order.to, why: verdict.why }, 'transfer order dropped');
  leadership.lost(`an operator wants ${order.to ?? 'another node'} to lead`);
}
