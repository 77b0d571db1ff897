// Makes any state store fail the way a distant one does: refused, slow, or with an answer that never comes while the write
// lands, or lands late, after newer ones that were acknowledged. The caller decides call by call, so a seed can replay it.

import { AppError } from '../../model/errors.ts';
import type { Clock } from '../mvcc/clock.ts';
import type { StateStore, Transaction, TransactionResult } from '../port.ts';

export type CommitFault =
  /** The call fails and the write is not there. */
  | { readonly kind: 'not_applied' }
  /** The call fails without saying whether the write is there. It is applied after `landsAfterMs`; null = never. */
  | { readonly kind: 'unknown'; readonly landsAfterMs: number | null }
  /** The call succeeds, later: the request is on its way for so long. */
  | { readonly kind: 'delay'; readonly delayMs: number };

export interface FaultDeps {
  readonly clock: Clock;
  /** Asked once for each commit; undefined = no fault. */
  readonly decide: (transaction: Transaction) => CommitFault | undefined;
}

/** The same store with faulty commits; everything else passes through. */
export function withCommitFaults(store: StateStore, { clock, decide }: FaultDeps): StateStore {
  const wait = (delayMs: number) => new Promise<void>((resolve) => void clock.setTimer(delayMs, resolve));

  async function commit(transaction: Transaction): Promise<TransactionResult> {
    const fault = decide(transaction);
    if (fault === undefined) return store.commit(transaction);
    switch (fault.kind) {
      case 'not_applied':
        throw failed('not_applied');
      case 'unknown':
        if (fault.landsAfterMs !== null) await land(transaction, fault.landsAfterMs);
        throw failed('unknown');
      case 'delay':
        await wait(fault.delayMs);
        return store.commit(transaction);
    }
  }

  /** Without a delay the write is there before its caller hears of the failure. */
  async function land(transaction: Transaction, afterMs: number): Promise<void> {
    if (afterMs === 0) await store.commit(transaction);
    // Nobody hears of this write any more, so nobody hears of its failure either.
    else clock.setTimer(afterMs, () => void store.commit(transaction).catch(() => undefined));
  }

  return {
    limits: store.limits,
    commit,
    range: (range, options) => store.range(range, options),
    get: (key) => store.get(key),
    watch: (range, options) => store.watch(range, options),
    grantLease: (ttlSeconds) => store.grantLease(ttlSeconds),
    keepLease: (id, options) => store.keepLease(id, options),
    revokeLease: (id) => store.revokeLease(id),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
  };
}

function failed(outcome: 'not_applied' | 'unknown'): AppError {
  return new AppError('unavailable', 'State store is not reachable.', { detail: 'injected fault', outcome });
}
