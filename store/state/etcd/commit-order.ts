// Commits of one store that touch the same keys are applied in the order in which they were asked for, as the other backends do it:
// etcd takes calls of one connection in any order. Commits that have nothing to do with each other go side by side.

import type { KeyRange, Transaction } from '../port.ts';
import { rangeTest } from '../text.ts';

interface Pending {
  readonly done: Promise<unknown>;
  readonly keys: ReadonlySet<string>;
  readonly ranges: readonly KeyRange[];
}

export class CommitOrder {
  /** The last commit under way that writes the key. */
  readonly #byKey = new Map<string, Pending>();
  /** Those under way that delete ranges: few. */
  readonly #withRanges = new Set<Pending>();

  #turn = 0;

  /** Sends when everything that it overlaps with is over; tells `send` the place in the order. */
  run<T>(transaction: Transaction, send: (turn: number) => Promise<T>): Promise<T> {
    const turn = (this.#turn += 1);
    const { compares, writes, readOnFailure = [] } = transaction;
    const ranges = writes.flatMap((write) => (write.op === 'delete_range' ? [write.range] : []));
    const keys = new Set(writes.flatMap((write) => (write.op === 'delete_range' ? [] : [write.key])));
    const before = this.#overlapping([...keys, ...compares.map(({ key }) => key), ...readOnFailure], ranges);
    const sent = before.length === 0 ? send(turn) : Promise.allSettled(before).then(() => send(turn));
    const pending: Pending = { done: sent, keys, ranges };
    for (const key of keys) this.#byKey.set(key, pending);
    if (ranges.length > 0) this.#withRanges.add(pending);
    const over = () => {
      for (const key of keys) if (this.#byKey.get(key) === pending) this.#byKey.delete(key);
      this.#withRanges.delete(pending);
    };
    sent.then(over, over);
    return sent;
  }

  #overlapping(keys: readonly string[], ranges: readonly KeyRange[]): readonly Promise<unknown>[] {
    const found = new Set<Promise<unknown>>();
    for (const key of keys) {
      const other = this.#byKey.get(key);
      if (other !== undefined) found.add(other.done);
    }
    for (const other of this.#withRanges) {
      // Range deletes are rare: those wait for each other without a closer look.
      const isHit = ranges.length > 0 || other.ranges.some((range) => keys.some(rangeTest(range)));
      if (isHit) found.add(other.done);
    }
    for (const range of ranges) {
      const isInside = rangeTest(range);
      for (const [key, other] of this.#byKey) if (isInside(key)) found.add(other.done);
    }
    return [...found];
  }
}
