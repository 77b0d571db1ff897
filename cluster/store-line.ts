// The cluster's line to the state store: every call has a deadline of ours, every answer is noted, and a store whose revision went
// back is found out. Whoever asks how long the store has been silent, asks here.

import { isAppError } from '../store/model/errors.ts';
import type {
  KeyRange,
  KeyValue,
  Lease,
  RangeResult,
  StateStore,
  Transaction,
  TransactionResult,
  WatchBatch,
  WatchOptions,
} from '../store/state/port.ts';
import type { ClusterTimings } from './timings.ts';
import { within } from './waiting.ts';

export interface Regress {
  readonly answered: number;
  readonly known: number;
}

export interface StoreLine {
  get(key: string): Promise<KeyValue | null>;
  list(range: KeyRange): Promise<RangeResult>;
  commit(transaction: Transaction): Promise<TransactionResult>;
  watch(range: KeyRange, options: WatchOptions): Promise<AsyncIterable<WatchBatch>>;
  grant(): Promise<Lease>;
  /** Throws AppError('not_found') when the lease is gone. */
  keep(lease: string): Promise<void>;
  revoke(lease: string): Promise<void>;
  /** Since the last answer, whichever it was. */
  silentMs(): number;
  /** Highest revision that the store ever told, to this process or to the one before. */
  highestRevision(): number;
  /** A revision that was told elsewhere: by a watch, or before a restart. */
  note(revision: number): void;
  /** Once the store answered a write with a revision below one that it had told before: it is not the store that it was. */
  regress(): Regress | null;
}

export interface StoreLineDeps {
  readonly state: StateStore;
  readonly timings: ClusterTimings;
  readonly monotonicMs: () => number;
}

export function createStoreLine({ state, timings, monotonicMs }: StoreLineDeps): StoreLine {
  let answeredAtMs = monotonicMs();
  let highest = 0;
  let regress: Regress | null = null;
  const { callDeadlineMs, keepAliveDeadlineMs } = timings;

  async function answered<T>(call: Promise<T>, what: string, deadlineMs = callDeadlineMs): Promise<T> {
    try {
      const answer = await within(call, deadlineMs, what);
      answeredAtMs = monotonicMs();
      return answer;
    } catch (error) {
      // A refusal is an answer as well.
      if (!isAppError(error, 'unavailable')) answeredAtMs = monotonicMs();
      throw error;
    }
  }

  function note(revision: number): void {
    highest = Math.max(highest, revision);
  }

  async function list(range: KeyRange): Promise<RangeResult> {
    const result = await answered(state.range(range), 'list');
    note(result.revision);
    return result;
  }

  async function commit(transaction: Transaction): Promise<TransactionResult> {
    // Taken before sending: of two commits under way the later one may be answered first.
    const known = highest;
    const result = await answered(state.commit(transaction), 'commit');
    // Only a write proves it: a read may come from a member that lags behind.
    if (result.revision < known) regress ??= { answered: result.revision, known };
    note(result.revision);
    return result;
  }

  return {
    get: (key) => answered(state.get(key), 'get'),
    list,
    commit,
    watch: (range, options) => answered(state.watch(range, options), 'watch'),
    grant: () => answered(state.grantLease(timings.leaseTtlSeconds), 'grant a lease'),
    keep: (lease) =>
      answered(state.keepLease(lease, { deadlineMs: keepAliveDeadlineMs }), 'keep-alive', keepAliveDeadlineMs),
    revoke: (lease) => answered(state.revokeLease(lease), 'revoke a lease'),
    silentMs: () => monotonicMs() - answeredAtMs,
    highestRevision: () => highest,
    note,
    regress: () => regress,
  };
}
