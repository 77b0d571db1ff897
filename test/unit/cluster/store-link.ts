// One node's way to the state store, and how it fails: cut off, or with commits whose answers are lost.

import { AppError } from '../../../store/model/errors.ts';
import { systemClock } from '../../../store/state/mvcc/clock.ts';
import type { CommitFault } from '../../../store/state/memory/faults.ts';
import { withCommitFaults } from '../../../store/state/memory/faults.ts';
import type { StateStore, Transaction } from '../../../store/state/port.ts';

/** How long a call without an answer takes to fail. */
const TIMEOUT_MS = 500;

export interface StoreLink {
  readonly state: StateStore;
  /** Nothing comes through any more, either way. */
  cut(): void;
  heal(): void;
  /** Asked for each commit; undefined = it goes through. */
  decide: (transaction: Transaction) => CommitFault | undefined;
  /** Commits are answered with revisions lower by this: as if the store had been restored from an older backup. */
  goBackBy: number;
  /** The answer to a grant takes so long; the lease's own time has begun by then. */
  grantDelayMs: number;
  readonly calls: string[];
}

export function createStoreLink(store: StateStore): StoreLink {
  let isCut = false;
  const healed: (() => void)[] = [];
  const link: StoreLink = {
    state: undefined as unknown as StateStore,
    cut: () => void (isCut = true),
    heal: () => {
      isCut = false;
      for (const resume of healed.splice(0)) resume();
    },
    decide: () => undefined,
    goBackBy: 0,
    grantDelayMs: 0,
    calls: [],
  };
  const faulty = withCommitFaults(store, { clock: systemClock, decide: (transaction) => link.decide(transaction) });

  async function pass<T>(name: string, call: () => Promise<T>): Promise<T> {
    link.calls.push(name);
    if (!isCut) {
      const answer = await call();
      if (!isCut) return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS));
    throw new AppError('unavailable', 'State store is not reachable.', { detail: 'cut off', outcome: 'unknown' });
  }

  async function* held<T>(batches: AsyncIterable<T>): AsyncIterable<T> {
    for await (const batch of batches) {
      if (isCut) await new Promise<void>((resolve) => healed.push(resolve));
      yield batch;
    }
  }

  const state: StateStore = {
    limits: store.limits,
    range: (range, options) => pass('range', () => faulty.range(range, options)),
    get: (key) => pass('get', () => faulty.get(key)),
    commit: (transaction) =>
      pass('commit', async () => {
        const result = await faulty.commit(transaction);
        return { ...result, revision: result.revision - link.goBackBy };
      }),
    watch: (range, options) => pass('watch', async () => held(await faulty.watch(range, options))),
    grantLease: (ttlSeconds) =>
      pass('grantLease', async () => {
        const lease = await faulty.grantLease(ttlSeconds);
        if (link.grantDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, link.grantDelayMs));
        return lease;
      }),
    keepLease: (id) => pass('keepLease', () => faulty.keepLease(id)),
    revokeLease: (id) => pass('revokeLease', () => faulty.revokeLease(id)),
    compact: (revision) => pass('compact', () => faulty.compact(revision)),
    close: () => faulty.close(),
  };
  return Object.assign(link, { state });
}
