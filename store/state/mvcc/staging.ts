// What is decided but not yet durable: the newest staged event of each key lies over the durable state, and compares look
// through it, so transactions can be decided one after the other without waiting for the disk. If a write fails, all that is
// staged falls together.

import { AppError } from '../../model/errors.ts';
import type { Compare, KeyRange, KeyValue, Transaction, WatchEvent, Write } from '../port.ts';
import { rangeTest } from '../text.ts';
import type { Backing, Commit } from './backing.ts';
import { keyOf, stateAfter } from './backing.ts';
import { withOverrides } from './overrides.ts';

/** `commit` is null when the writes change nothing at all, such as the delete of an absent key. */
export type Decision = { readonly succeeded: false } | { readonly succeeded: true; readonly commit: Commit | null };

export interface StagingDeps {
  readonly backing: Backing;
  readonly isLeaseAlive: (id: string) => boolean;
}

/** A commit while it is being put together. */
interface Draft {
  readonly revision: number;
  readonly events: WatchEvent[];
  readonly previous: (KeyValue | null)[];
}

export class Staging {
  readonly #backing: Backing;
  readonly #isLeaseAlive: (id: string) => boolean;
  readonly #overlay = new Map<string, WatchEvent>();
  /** A record that is compared is nearly always written next; the read of the compare then serves the write too. */
  readonly #compared = new Map<string, KeyValue | null>();
  #revision: number;

  constructor({ backing, isLeaseAlive }: StagingDeps) {
    this.#backing = backing;
    this.#isLeaseAlive = isLeaseAlive;
    this.#revision = backing.revision();
  }

  /** Revision of the newest staged commit, else of the durable state. */
  revision(): number {
    return this.#revision;
  }

  /** The key as the next transaction finds it. */
  current(key: string): KeyValue | null {
    const staged = this.#overlay.get(key);
    return staged === undefined ? this.#backing.get(key) : stateAfter(staged);
  }

  /** Looks at the compares and, when all of them hold, takes the writes as the next revision. Throws before it takes any. */
  decide(transaction: Transaction): Decision {
    this.#compared.clear();
    if (!this.#holds(transaction.compares)) return { succeeded: false };
    return { succeeded: true, commit: this.#stage(transaction.writes) };
  }

  /** Staged keys under the lease. */
  *keysUnder(lease: string): Iterable<string> {
    for (const [key, event] of this.#overlay) if (stateAfter(event)?.lease === lease) yield key;
  }

  /** The commit is durable: the backing answers for it from now on. */
  settle(commit: Commit): void {
    for (const event of commit.events) {
      const key = keyOf(event);
      if (this.#overlay.get(key) === event) this.#overlay.delete(key);
    }
  }

  /** Forgets all that is staged. */
  drop(durableRevision: number): void {
    this.#overlay.clear();
    this.#revision = durableRevision;
  }

  #holds(compares: readonly Compare[]): boolean {
    for (const compare of compares) {
      let kv = this.#compared.get(compare.key);
      if (kv === undefined) {
        kv = this.current(compare.key);
        this.#compared.set(compare.key, kv);
      }
      if (!compareHolds(compare, kv)) return false;
    }
    return true;
  }

  #stage(writes: readonly Write[]): Commit | null {
    for (const write of writes) {
      if (write.op !== 'put' || write.lease === undefined || write.lease === '') continue;
      if (this.#isLeaseAlive(write.lease)) continue;
      throw new AppError('not_found', 'The lease is gone.', { detail: write.lease, outcome: 'not_applied' });
    }
    const draft: Draft = { revision: this.#revision + 1, events: [], previous: [] };
    for (const write of writes) this.#add(draft, write);
    if (draft.events.length === 0) return null;
    for (const event of draft.events) this.#overlay.set(keyOf(event), event);
    this.#revision = draft.revision;
    return draft;
  }

  #add(draft: Draft, write: Write): void {
    switch (write.op) {
      case 'put':
        return addPut(draft, write, this.#known(write.key));
      case 'delete':
        return addDelete(draft, this.#known(write.key));
      case 'delete_range':
        for (const kv of this.#currentRange(write.range)) addDelete(draft, kv);
        return;
    }
  }

  #known(key: string): KeyValue | null {
    const kv = this.#compared.get(key);
    return kv === undefined ? this.current(key) : kv;
  }

  #currentRange(range: KeyRange): Iterable<KeyValue> {
    const inside = rangeTest(range);
    const overrides = new Map<string, KeyValue | null>();
    for (const [key, event] of this.#overlay) if (inside(key)) overrides.set(key, stateAfter(event));
    return withOverrides(this.#backing.scan(range, { keysOnly: false }), overrides);
  }
}

function addPut(draft: Draft, write: Extract<Write, { op: 'put' }>, before: KeyValue | null): void {
  const kv: KeyValue = {
    key: write.key,
    value: write.value,
    createRevision: before === null ? draft.revision : before.createRevision,
    modRevision: draft.revision,
    version: before === null ? 1 : before.version + 1,
    lease: write.lease ?? '',
  };
  draft.events.push({ type: 'put', kv });
  draft.previous.push(before);
}

function addDelete(draft: Draft, before: KeyValue | null): void {
  if (before === null) return;
  draft.events.push({ type: 'delete', key: before.key, modRevision: draft.revision });
  draft.previous.push(before);
}

/** An absent key has revision 0 and no value at all, not even an empty one. */
function compareHolds(compare: Compare, kv: KeyValue | null): boolean {
  switch (compare.target) {
    case 'create':
      return (kv?.createRevision ?? 0) === compare.equals;
    case 'mod':
      return (kv?.modRevision ?? 0) === compare.equals;
    case 'value':
      return kv?.value === compare.equals;
  }
}
