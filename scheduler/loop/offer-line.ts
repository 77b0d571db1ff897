// New runs whose first transaction the leader makes itself. A start that leaves its record and waits until the leader has seen it costs
// two durable commits before an engine is told; one that is offered here is planned first, and its record, its first intents and their
// events are one commit. Whoever offers has to be able to do without: an offer may be declined at any time, and then nothing of it was
// written.

import type { PendingRun } from '../../store/model/run.ts';
import type { Transaction, TransactionResult } from '../../store/state/port.ts';

export interface StartOffer {
  /** Creates the runs, as it would without a leader. */
  readonly transaction: Transaction;
  readonly runs: readonly PendingRun[];
}

/** Null = declined: nothing was written, and nothing will be. Throws what the store's commit throws. */
export type OfferStarts = (offer: StartOffer) => Promise<TransactionResult | null>;

export interface WaitingOffer extends StartOffer {
  readonly settle: (result: TransactionResult | null) => void;
  readonly fail: (error: unknown) => void;
}

/** Between those who offer and the turns of one term. */
export interface OfferLine {
  readonly offer: OfferStarts;
  /** All that wait, oldest first. */
  take(): readonly WaitingOffer[];
  readonly isEmpty: boolean;
  /** While the store takes no commits, nobody should wait here. */
  decline(): void;
  /** Turns are taken again. */
  open(): void;
}

export function createOfferLine(wake: () => void): OfferLine {
  const waiting: WaitingOffer[] = [];
  let isOpen = false;
  return {
    offer: (offer) => {
      if (!isOpen) return Promise.resolve(null);
      wake();
      return new Promise((settle, fail) => waiting.push({ ...offer, settle, fail }));
    },
    take: () => waiting.splice(0),
    get isEmpty() {
      return waiting.length === 0;
    },
    decline: () => {
      isOpen = false;
      for (const { settle } of waiting.splice(0)) settle(null);
    },
    open: () => {
      isOpen = true;
    },
  };
}
