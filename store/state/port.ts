// The state store's port, in etcd's language. Three backends stand behind it (memory, lmdb, etcd) and one conformance
// suite, test/conformance/state-suite.ts, that each of them passes. Nothing may enter here that etcd 3.4 cannot do.
//
// Words: a *revision* numbers the commits of the whole store, from 1; a key's *mod revision* is the commit that last wrote
// it, its *create revision* the one that created it, its *version* counts its writes since then (1 = just created).
// A commit that deletes and writes nothing at all does not raise the revision. Commits at the same time that have nothing to do with
// each other may share one: a revision orders commits and tells the versions of a key apart, it does not name a commit.

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** Lease that the key dies with; '' = none. */
  readonly lease: string;
}

/** Keys from `start` (inclusive) to `end` (exclusive), ordered by their UTF-8 bytes. */
export interface KeyRange {
  readonly start: string;
  readonly end: string;
}

export interface RangeOptions {
  /** At most this many; `more` tells whether there were others. 0 or absent = all. */
  readonly limit?: number;
  /** Read as of this revision, so that pages fit together. A revision compacted away throws `CompactedError`. */
  readonly revision?: number;
  /** Values stay empty: cheaper when only keys matter. */
  readonly keysOnly?: boolean;
}

export interface RangeResult {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  /** The store's revision when the read was served. */
  readonly revision: number;
}

export type Compare =
  /** `equals: 0` = the key does not exist. */
  | { readonly target: 'create'; readonly key: string; readonly equals: number }
  | { readonly target: 'mod'; readonly key: string; readonly equals: number }
  | { readonly target: 'value'; readonly key: string; readonly equals: string };

export type Write =
  | { readonly op: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'delete_range'; readonly range: KeyRange };

export interface Transaction {
  /** All must hold, else nothing is written. */
  readonly compares: readonly Compare[];
  /** A key may be written once only in a transaction (etcd refuses a second put of the same key). */
  readonly writes: readonly Write[];
  /** Keys to read in the same transaction when the compares fail: what the caller needs in order to try again. */
  readonly readOnFailure?: readonly string[];
}

export interface TransactionResult {
  readonly succeeded: boolean;
  /** On success the revision of this commit, else the store's revision when the compares were looked at. */
  readonly revision: number;
  /** The keys of `readOnFailure` that exist; empty on success. */
  readonly found: readonly KeyValue[];
}

export type WatchEvent =
  | { readonly type: 'put'; readonly kv: KeyValue }
  | { readonly type: 'delete'; readonly key: string; readonly modRevision: number };

/** All events of one commit arrive in one batch, or in neighbouring batches that share the revision's order. */
export interface WatchBatch {
  readonly events: readonly WatchEvent[];
  /** Everything up to this revision has been delivered. */
  readonly revision: number;
}

export interface WatchOptions {
  /** First revision wanted; absent = from the store's next revision on. */
  readonly fromRevision?: number;
  readonly signal: AbortSignal;
}

/** Largest transaction that a backend takes; callers split by it. */
export interface StoreLimits {
  readonly operationsMax: number;
  readonly bytesMax: number;
}

export interface Lease {
  readonly id: string;
  readonly ttlSeconds: number;
}

/**
 * Every method throws `AppError('unavailable')` when the store cannot be reached or cannot keep what it is told (a full
 * disk, for instance). A failed write carries `outcome`: 'not_applied' when that is certain, else 'unknown'. Any call may be
 * repeated; repeating a write whose outcome is unknown is safe only under compares.
 */
export interface StateStore {
  readonly limits: StoreLimits;

  /** Linearizable read. Never returns what could still be lost in a crash. */
  range(range: KeyRange, options?: RangeOptions): Promise<RangeResult>;

  /** One key; null when absent. */
  get(key: string): Promise<KeyValue | null>;

  /** Atomic and durable: when this resolves with `succeeded`, a crash of anything loses nothing of it. */
  commit(transaction: Transaction): Promise<TransactionResult>;

  /**
   * Batches in revision order, without gaps or doubles, until `signal` aborts (then the iterator ends normally). The watch is in
   * place when `watch` resolves. Throws `CompactedError` when `fromRevision` (or what a slow reader has not taken yet) is
   * gone: list again and watch from the list's revision + 1. Never throws for a short loss of connection: it resumes by itself.
   */
  watch(range: KeyRange, options: WatchOptions): Promise<AsyncIterable<WatchBatch>>;

  /** The TTL that was granted may be longer than the one asked for. */
  grantLease(ttlSeconds: number): Promise<Lease>;

  /** Renews; throws `AppError('not_found')` when the lease is gone: then its keys are gone too. */
  keepLease(id: string, options?: { readonly deadlineMs?: number }): Promise<void>;

  /** Ends the lease and deletes its keys. Revoking an unknown lease is not an error. */
  revokeLease(id: string): Promise<void>;

  /** Drops history before `revision`: older reads and watches then throw `CompactedError`. */
  compact(revision: number): Promise<void>;

  /** Waits for what was accepted, then lets go of all resources. Later calls throw 'unavailable'. */
  close(): Promise<void>;
}

/** The history that a watch or a read asked for is gone. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly compactRevision: number;

  constructor(compactRevision: number) {
    super(`history before revision ${compactRevision} is compacted`);
    this.compactRevision = compactRevision;
  }
}

/** All keys that begin with `prefix` (which ends in a separator, so its last character is below U+FFFF). */
export function prefixRange(prefix: string): KeyRange {
  const last = prefix.charCodeAt(prefix.length - 1);
  return { start: prefix, end: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}

export const DEFAULT_LIMITS: StoreLimits = { operationsMax: 128, bytesMax: 1_500_000 };
