// Leases by the monotonic clock. A lease is *alive* until its deadline passes or it is revoked; from then on it is *ending*: it
// takes no keys, and its keys are being deleted in one commit. When that commit is durable the lease is gone. A delete that
// fails (a full disk) is tried again, so an ended lease never leaves keys behind.

import { AppError } from '../../model/errors.ts';
import type { Lease } from '../port.ts';
import type { Commit } from './backing.ts';
import { stateAfter } from './backing.ts';
import type { Clock } from './clock.ts';

/** How soon an expired lease tries again to delete its keys when the store refused. */
const END_RETRY_MS = 1_000;

interface Holder {
  readonly id: string;
  readonly ttlMs: number;
  /** Durable keys under the lease; staged ones are found by `deleteKeys`. */
  readonly keys: Set<string>;
  deadline: number;
  ending: Promise<void> | null;
  cancelTimer: () => void;
}

export interface LeasesDeps {
  readonly clock: Clock;
  readonly newId: () => string;
  /** Deletes those of the durable keys, and all staged ones, that are under the lease when it is called. */
  readonly deleteKeys: (lease: string, durableKeys: ReadonlySet<string>) => Promise<void>;
}

export class Leases {
  readonly #deps: LeasesDeps;
  readonly #holders = new Map<string, Holder>();

  constructor(deps: LeasesDeps) {
    this.#deps = deps;
  }

  /** Whole seconds, as etcd counts them: a part of one is rounded up. */
  grant(ttlSeconds: number): Lease {
    if (!(ttlSeconds > 0 && Number.isFinite(ttlSeconds)))
      throw new AppError('invalid', 'A lease needs a positive TTL.');
    const granted = Math.ceil(ttlSeconds);
    const ttlMs = granted * 1_000;
    const deadline = this.#deps.clock.now() + ttlMs;
    const id = this.#deps.newId();
    const holder: Holder = { id, ttlMs, keys: new Set(), deadline, ending: null, cancelTimer: () => undefined };
    this.#holders.set(id, holder);
    this.#watchDeadline(holder, ttlMs);
    return { id, ttlSeconds: granted };
  }

  isAlive(id: string): boolean {
    const holder = this.#holders.get(id);
    return holder !== undefined && holder.ending === null && this.#deps.clock.now() < holder.deadline;
  }

  /** Renews; throws AppError('not_found') when the lease is gone, after its keys are gone too. */
  async keep(id: string): Promise<void> {
    const holder = this.#holders.get(id);
    if (holder !== undefined && this.isAlive(id)) {
      holder.deadline = this.#deps.clock.now() + holder.ttlMs;
      return;
    }
    if (holder !== undefined) await this.#end(holder);
    throw new AppError('not_found', 'The lease is gone.', { detail: id });
  }

  async revoke(id: string): Promise<void> {
    const holder = this.#holders.get(id);
    if (holder !== undefined) await this.#end(holder);
  }

  /** Learns from a durable commit which keys are under which lease. */
  applied({ events, previous }: Commit): void {
    if (this.#holders.size === 0) return;
    events.forEach((event, index) => {
      const before = previous[index] ?? null;
      const after = stateAfter(event);
      if (before !== null && before.lease !== '' && before.lease !== after?.lease) {
        this.#holders.get(before.lease)?.keys.delete(before.key);
      }
      if (after !== null && after.lease !== '') this.#holders.get(after.lease)?.keys.add(after.key);
    });
  }

  stop(): void {
    for (const holder of this.#holders.values()) holder.cancelTimer();
    this.#holders.clear();
  }

  /** One timer a lease, not one a renewal: it looks at the deadline when it fires and sleeps on if that has moved. */
  #watchDeadline(holder: Holder, delayMs: number): void {
    holder.cancelTimer = this.#deps.clock.setTimer(delayMs, () => {
      const leftMs = holder.deadline - this.#deps.clock.now();
      if (leftMs > 0) return this.#watchDeadline(holder, leftMs);
      this.#end(holder).catch(() => {
        if (this.#holders.has(holder.id)) this.#watchDeadline(holder, END_RETRY_MS);
      });
    });
  }

  #end(holder: Holder): Promise<void> {
    holder.ending ??= this.#deps.deleteKeys(holder.id, holder.keys).then(
      () => {
        holder.cancelTimer();
        this.#holders.delete(holder.id);
      },
      (error: unknown) => {
        holder.ending = null;
        // It was told to end: it must not come back to life because the disk is full.
        holder.deadline = Math.min(holder.deadline, this.#deps.clock.now());
        throw error;
      },
    );
    return holder.ending;
  }
}
