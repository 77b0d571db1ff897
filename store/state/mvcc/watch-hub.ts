// Hands each durable commit to the watches whose range it touches. A watch holds what its reader has not taken yet; those
// commits are the same objects that the history holds, so a slow reader costs no memory of its own, and when the history
// drops a commit that a reader still waits for, that reader gets CompactedError instead of a gap.

import type { KeyRange, WatchBatch, WatchEvent } from '../port.ts';
import { CompactedError } from '../port.ts';
import { rangeTest } from '../text.ts';
import type { Commit } from './backing.ts';
import { keyOf } from './backing.ts';

/** Commits are joined into batches up to about this size: one wake-up of a busy reader then serves many commits. */
const BATCH_EVENTS = 1_000;

export interface WatchHub {
  /** `backlog`: commits from the past that the watch begins with, already reduced to the range. */
  open(options: WatchStart): AsyncIterable<WatchBatch>;
  publish(commit: Commit): void;
  /** Everything up to `base` left the history: readers that still wait for some of it fail. */
  expire(base: number): void;
  /** Every open watch throws this on its next read. */
  fail(error: Error): void;
}

export interface WatchStart {
  readonly range: KeyRange;
  readonly fromRevision: number;
  readonly backlog: Iterable<Commit>;
  readonly signal: AbortSignal;
}

export function createWatchHub(): WatchHub {
  const watches = new Set<Watch>();
  return {
    open(start) {
      const watch = new Watch(start, (over) => watches.delete(over));
      if (!start.signal.aborted) watches.add(watch);
      return watch;
    },
    publish(commit) {
      for (const watch of watches) watch.offer(commit);
    },
    expire(base) {
      for (const watch of watches) watch.expire(base);
    },
    fail(error) {
      for (const watch of watches) watch.fail(error);
    },
  };
}

const OVER: IteratorResult<WatchBatch> = { done: true, value: undefined };

/** A watch is `open` until its signal aborts, its reader leaves, or it fails; after that it holds nothing and is not in the hub. */
class Watch implements AsyncIterableIterator<WatchBatch> {
  readonly #inside: (key: string) => boolean;
  readonly #fromRevision: number;
  readonly #signal: AbortSignal;
  readonly #leave: (watch: Watch) => void;
  readonly #end = () => this.#finish();
  #pending: Commit[];
  #failure: Error | null = null;
  #isOpen = true;
  #waiting: ((result: IteratorResult<WatchBatch> | Promise<never>) => void) | null = null;

  constructor({ range, fromRevision, backlog, signal }: WatchStart, leave: (watch: Watch) => void) {
    this.#inside = rangeTest(range);
    this.#fromRevision = fromRevision;
    this.#pending = [...backlog];
    this.#signal = signal;
    this.#leave = leave;
    if (signal.aborted) this.#finish();
    else signal.addEventListener('abort', this.#end, { once: true });
  }

  offer(commit: Commit): void {
    if (commit.revision < this.#fromRevision) return;
    const events = this.#select(commit.events);
    if (events.length === 0) return;
    this.#pending.push(events === commit.events ? commit : { ...commit, events });
    this.#wake();
  }

  /** The commit's own array when all of it is wanted: no copy for the commonest case. */
  #select(events: readonly WatchEvent[]): readonly WatchEvent[] {
    const wanted = events.filter((event) => this.#inside(keyOf(event)));
    return wanted.length === events.length ? events : wanted;
  }

  expire(base: number): void {
    const oldest = this.#pending[0];
    if (oldest !== undefined && oldest.revision <= base) this.fail(new CompactedError(base + 1));
  }

  fail(error: Error): void {
    this.#close();
    if (this.#waiting === null) {
      this.#failure = error;
      return;
    }
    this.#waiting(Promise.reject(error));
    this.#waiting = null;
  }

  async next(): Promise<IteratorResult<WatchBatch>> {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
    if (this.#pending.length > 0) return { done: false, value: this.#take() };
    if (!this.#isOpen) return OVER;
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  async return(): Promise<IteratorResult<WatchBatch>> {
    this.#failure = null;
    this.#finish();
    return OVER;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #wake(): void {
    if (this.#waiting === null) return;
    this.#waiting({ done: false, value: this.#take() });
    this.#waiting = null;
  }

  /** Whole commits only, so that none is torn between two batches. */
  #take(): WatchBatch {
    const events: WatchEvent[] = [];
    let taken = 0;
    let revision = 0;
    for (const commit of this.#pending) {
      if (taken > 0 && events.length + commit.events.length > BATCH_EVENTS) break;
      for (const event of commit.events) events.push(event);
      revision = commit.revision;
      taken++;
    }
    this.#pending.splice(0, taken);
    return { events, revision };
  }

  /** The normal end: by the signal, or because the reader left its loop. */
  #finish(): void {
    this.#close();
    this.#waiting?.(OVER);
    this.#waiting = null;
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#pending = [];
    this.#signal.removeEventListener('abort', this.#end);
    this.#leave(this);
  }
}
