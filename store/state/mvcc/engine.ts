// The state store itself, over any `Backing`: revisions, compares, group commit, history, watches and leases, written once for
// the memory and the LMDB backend.
//
// Life of a transaction: *decided* against the staged state, in the order of arrival; *staged* in the open group; *flushed*
// with everything else that was staged when the flusher came by; then acknowledged, seen by reads and handed to watches, all
// in one turn. If the flush fails, the group and all that was staged on top of it are refused together, since later decisions
// were made on earlier ones.
//
// Also a decision that writes nothing (a failed compare, a delete of nothing) waits for the group that it was decided on: its
// answer would otherwise tell of a state that a crash can still undo.

import { AppError, errorText, invariant, InvariantError, isAppError } from '../../model/errors.ts';
import type { WriteOutcome } from '../../model/errors.ts';
import type { KeyRange, KeyValue, Lease, RangeOptions, RangeResult, StateStore, StoreLimits } from '../port.ts';
import type { Transaction, TransactionResult, WatchBatch, WatchOptions } from '../port.ts';
import { checkKey, checkRange, checkTransaction } from '../transaction-check.ts';
import { compareText } from '../text.ts';
import type { Backing, Commit } from './backing.ts';
import type { Clock } from './clock.ts';
import { createHistory, DEFAULT_HISTORY } from './history.ts';
import type { HistoryBounds } from './history.ts';
import { Leases } from './leases.ts';
import { withOverrides } from './overrides.ts';
import { Staging } from './staging.ts';
import { createWatchHub } from './watch-hub.ts';

/** Transactions that may wait for the disk. Each has a caller that waits too, so more than this means that nobody slows down. */
const WAITING_MAX = 50_000;

/** A broken backing is opened anew at most this often, however many callers knock. */
const RECOVER_INTERVAL_MS = 1_000;

export interface EngineDeps {
  readonly backing: Backing;
  readonly clock: Clock;
  readonly limits: StoreLimits;
  readonly newLeaseId: () => string;
  /** Runs the flusher soon: late enough that everything of this turn joins the group, without waiting for more. */
  readonly defer: (run: () => void) => void;
  readonly history?: HistoryBounds;
}

interface Waiter {
  readonly result: TransactionResult;
  readonly resolve: (result: TransactionResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Group {
  readonly commits: Commit[];
  readonly waiters: Waiter[];
}

/** Takes over the backing: `close` closes it. */
export function createEngine(deps: EngineDeps): StateStore {
  return new Engine(deps);
}

class Engine implements StateStore {
  readonly limits: StoreLimits;
  readonly #backing: Backing;
  readonly #clock: Clock;
  readonly #defer: (run: () => void) => void;
  readonly #staging;
  readonly #history;
  readonly #hub = createWatchHub();
  readonly #leases;
  /** Revision of what is durable and published. */
  #revision: number;
  #open: Group = { commits: [], waiters: [] };
  #isFlushing = false;
  #isScheduled = false;
  /** Commits of a failed flush, until the backing has told whether they are there after all. */
  #doubtful: readonly Commit[] | null = null;
  #recovery: Promise<'settled' | 'unsettled'> | null = null;
  #recoverAfter = Number.NEGATIVE_INFINITY;
  #compactedBase = 0;
  #closing: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor({ backing, clock, limits, newLeaseId, defer, history = DEFAULT_HISTORY }: EngineDeps) {
    this.limits = limits;
    this.#backing = backing;
    this.#clock = clock;
    this.#defer = defer;
    this.#revision = backing.revision();
    this.#history = createHistory(this.#revision, history);
    this.#leases = new Leases({ clock, newId: newLeaseId, deleteKeys: (id, keys) => this.#deleteLeased(id, keys) });
    this.#staging = new Staging({ backing, isLeaseAlive: (id) => this.#leases.isAlive(id) });
  }

  range(range: KeyRange, options: RangeOptions = {}): Promise<RangeResult> {
    return this.#whenSound(() => {
      checkRange(range);
      const { limit = 0, revision = 0, keysOnly = false } = options;
      this.#refuseFuture(revision);
      const undone = revision > 0 ? this.#history.undoTo(revision, range) : new Map<string, KeyValue | null>();
      return reading(() => {
        const isEmpty = compareText(range.start, range.end) >= 0;
        const current = isEmpty ? [] : this.#backing.scan(range, { keysOnly });
        const wanted = undone.size === 0 ? current : withOverrides(current, undone);
        return { ...page(wanted, { limit, keysOnly }), revision: this.#revision };
      });
    });
  }

  get(key: string): Promise<KeyValue | null> {
    return this.#whenSound(() => {
      checkKey(key);
      return reading(() => this.#backing.get(key));
    });
  }

  commit(transaction: Transaction): Promise<TransactionResult> {
    return this.#whenSound(() => {
      checkTransaction(transaction, this.limits);
      if (this.#open.waiters.length >= WAITING_MAX) throw unavailable('Too many writes wait for the disk.');
      return this.#decide(transaction);
    });
  }

  watch(range: KeyRange, { fromRevision, signal }: WatchOptions): Promise<AsyncIterable<WatchBatch>> {
    return this.#whenSound(() => {
      checkRange(range);
      const first = fromRevision ?? this.#revision + 1;
      const backlog = first <= this.#revision ? this.#history.since(first, range) : [];
      return this.#hub.open({ range, fromRevision: first, backlog, signal });
    });
  }

  grantLease(ttlSeconds: number): Promise<Lease> {
    return this.#whenSound(() => this.#leases.grant(ttlSeconds));
  }

  keepLease(id: string): Promise<void> {
    return this.#whenSound(() => this.#leases.keep(id));
  }

  revokeLease(id: string): Promise<void> {
    return this.#whenSound(() => this.#leases.revoke(id));
  }

  compact(revision: number): Promise<void> {
    return this.#whenSound(() => {
      this.#refuseFuture(revision);
      this.#history.compact(revision);
      // A reader may be just about to take what is compacted now; one that has slept since the last time is let go.
      this.#hub.expire(this.#compactedBase);
      this.#compactedBase = this.#history.base();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  /** `act` runs in the same turn as the check, so that no flush can fail in between. */
  async #whenSound<T>(act: () => T | Promise<T>): Promise<T> {
    while (this.#closing === null) {
      if (this.#doubtful === null) return act();
      await this.#recover();
    }
    throw unavailable('The state store is closed.');
  }

  #refuseFuture(revision: number): void {
    if (revision <= this.#revision) return;
    throw new AppError('invalid', `Revision ${revision} is in the future; the newest is ${this.#revision}.`);
  }

  #decide(transaction: Transaction): Promise<TransactionResult> {
    const decision = reading(() => this.#staging.decide(transaction));
    const revision = this.#staging.revision();
    if (!decision.succeeded) {
      const found = reading(() => (transaction.readOnFailure ?? []).map((key) => this.#staging.current(key)));
      return this.#whenDurable({ succeeded: false, revision, found: found.filter((kv) => kv !== null) });
    }
    if (decision.commit !== null) this.#open.commits.push(decision.commit);
    return this.#whenDurable({ succeeded: true, revision, found: [] });
  }

  /** Gives the result out when all that it was decided on is durable. */
  #whenDurable(result: TransactionResult): Promise<TransactionResult> {
    if (result.revision === this.#revision) return Promise.resolve(result);
    return new Promise((resolve, reject) => {
      this.#open.waiters.push({ result, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isFlushing) return;
    this.#isScheduled = true;
    this.#defer(() => {
      this.#flush().catch(stopProcess);
    });
  }

  async #flush(): Promise<void> {
    this.#isScheduled = false;
    this.#isFlushing = true;
    const group = this.#open;
    this.#open = { commits: [], waiters: [] };
    try {
      if (group.commits.length > 0) await this.#backing.write(group.commits);
      this.#publish(group.commits);
      for (const { resolve, result } of group.waiters) resolve(result);
    } catch (error) {
      // A broken promise of our own code must stop the process, not pass for a full disk.
      if (error instanceof InvariantError) throw error;
      await this.#refuse(group, error);
    }
    this.#isFlushing = false;
    if (this.#open.waiters.length > 0) this.#schedule();
    else this.#onIdle?.();
  }

  /** From here on reads, watches and leases know the commits. */
  #publish(commits: readonly Commit[]): void {
    const base = this.#history.base();
    for (const commit of commits) {
      invariant('STATE-1', commit.revision === this.#revision + 1, 'commits are published out of order');
      this.#revision = commit.revision;
      this.#staging.settle(commit);
      this.#history.push(commit);
      this.#leases.applied(commit);
      this.#hub.publish(commit);
    }
    if (this.#history.base() !== base) this.#hub.expire(this.#history.base());
  }

  /**
   * The flush failed: what was decided on top of the group is refused, and so is the group, with the outcome as far as it is
   * known, unless recovery finds it durable after all.
   */
  async #refuse(group: Group, error: unknown): Promise<void> {
    const onTop = this.#open;
    this.#open = { commits: [], waiters: [] };
    this.#doubtful = group.commits;
    this.#staging.drop(this.#revision);
    const failure = isAppError(error) ? error : new AppError('unavailable', errorText(error), { cause: error });
    for (const { reject } of onTop.waiters) reject(refusal(failure, 'not_applied'));
    const recovered = await this.#recover().catch(() => 'failed' as const);
    const isApplied = recovered !== 'failed' && this.#revision === group.commits.at(-1)?.revision;
    const isCertain = recovered === 'settled' || (recovered === 'unsettled' && failure.outcome === 'not_applied');
    for (const { resolve, reject, result } of group.waiters) {
      if (isApplied) resolve(result);
      else reject(refusal(failure, isCertain ? 'not_applied' : 'unknown'));
    }
  }

  /** Makes the backing sound again; throws AppError('unavailable') while that fails. */
  #recover(): Promise<'settled' | 'unsettled'> {
    if (this.#recovery !== null) return this.#recovery;
    if (this.#clock.now() < this.#recoverAfter) return Promise.reject(unavailable('The state store has failed.'));
    this.#recovery = this.#tryRecovery().finally(() => {
      this.#recovery = null;
    });
    return this.#recovery;
  }

  async #tryRecovery(): Promise<'settled' | 'unsettled'> {
    const recovered = await this.#backing.recover().catch((error: unknown) => {
      this.#recoverAfter = this.#clock.now() + RECOVER_INTERVAL_MS;
      throw unavailable('The state store has failed.', error);
    });
    const doubtful = this.#doubtful ?? [];
    this.#doubtful = null;
    this.#staging.drop(this.#backing.revision());
    if (this.#backing.revision() === doubtful.at(-1)?.revision) this.#publish(doubtful);
    invariant('STATE-3', this.#backing.revision() === this.#revision, 'a failed write was applied in part');
    return recovered;
  }

  async #deleteLeased(lease: string, durableKeys: ReadonlySet<string>): Promise<void> {
    await this.#whenSound(() => {
      const keys = new Set(this.#staging.keysUnder(lease));
      for (const key of durableKeys) if (this.#staging.current(key)?.lease === lease) keys.add(key);
      return this.#decide({ compares: [], writes: [...keys].map((key) => ({ op: 'delete', key })) });
    });
  }

  async #shutDown(): Promise<void> {
    this.#leases.stop();
    if (this.#isScheduled || this.#isFlushing) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#hub.fail(unavailable('The state store is closed.'));
    await this.#backing.close();
  }
}

/** Only a broken invariant gets here. Thrown outside of any promise, so that nothing can swallow it. */
function stopProcess(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

interface PageOptions {
  readonly limit: number;
  readonly keysOnly: boolean;
}

function page(entries: Iterable<KeyValue>, { limit, keysOnly }: PageOptions): Pick<RangeResult, 'kvs' | 'more'> {
  const kvs: KeyValue[] = [];
  for (const kv of entries) {
    if (limit > 0 && kvs.length === limit) return { kvs, more: true };
    kvs.push(keysOnly && kv.value !== '' ? { ...kv, value: '' } : kv);
  }
  return { kvs, more: false };
}

/** Gives what the backing throws a code; errors that have one, and broken invariants, pass as they are. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isAppError(error) || error instanceof InvariantError) throw error;
    throw unavailable('The state store cannot be read.', error);
  }
}

/** Of a call that wrote nothing: refused before anything was sent to the disk. */
function unavailable(message: string, cause?: unknown): AppError {
  const detail = cause === undefined ? {} : { cause, detail: errorText(cause) };
  return new AppError('unavailable', message, { ...detail, outcome: 'not_applied' });
}

/** One error object a caller, so that each has the outcome of its own write. */
function refusal(failure: AppError, outcome: WriteOutcome): AppError {
  const detail = failure.detail === undefined ? {} : { detail: failure.detail };
  return new AppError('unavailable', failure.message, { ...detail, cause: failure, outcome });
}
