// What the engine needs of a place that keeps keys: the newest durable form of each key, nothing of the past, and one
// atomic durable write at a time. Revisions, history, watches, leases and compares are the engine's.

import type { KeyRange, KeyValue, WatchEvent } from '../port.ts';

/** One revision: what it did, in order, and what was there before (same index; null = nothing). */
export interface Commit {
  readonly revision: number;
  readonly events: readonly WatchEvent[];
  readonly previous: readonly (KeyValue | null)[];
}

export interface Backing {
  /** Revision of the last commit that is durable here. */
  revision(): number;

  /** Durable state only: never anything of a `write` that has not resolved. */
  get(key: string): KeyValue | null;

  /** Durable state in UTF-8 order, read lazily: taking 50 keys costs 50 keys. */
  scan(range: KeyRange, options: { readonly keysOnly: boolean }): Iterable<KeyValue>;

  /**
   * All of the commits or none, durable when it resolves; the engine never starts a second one before the first is over.
   * Rejects with AppError('unavailable') and its `outcome`.
   */
  write(commits: readonly Commit[]): Promise<void>;

  /**
   * After a failed write: makes the backing usable again, so that `revision` tells whether the write is there; if it is, it is
   * durable. 'settled': what `revision` tells is final. 'unsettled': the write is not there, but a crash might still show it.
   */
  recover(): Promise<'settled' | 'unsettled'>;

  close(): Promise<void>;
}

/** The state that a key has after the event. */
export function stateAfter(event: WatchEvent): KeyValue | null {
  return event.type === 'put' ? event.kv : null;
}

export function keyOf(event: WatchEvent): string {
  return event.type === 'put' ? event.kv.key : event.key;
}
