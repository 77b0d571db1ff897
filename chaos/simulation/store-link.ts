// A node's way to the one state store of the world: the port, with every call on the wire. As a real client does, it gives up after
// a deadline without knowing what became of a write, and it opens a watch that broke again by itself, from where it had come to.

import { AppError } from '../../store/model/errors.ts';
import type { WriteOutcome } from '../../store/model/errors.ts';
import { CompactedError } from '../../store/state/port.ts';
import type { KeyRange, StateStore, Transaction, WatchBatch, WatchOptions } from '../../store/state/port.ts';
import type { Process, Universe } from './universe.ts';
import type { Wire } from './wire.ts';
import { LinkError } from './wire.ts';

export interface StoreLinkDeps {
  readonly universe: Universe;
  readonly wire: Wire;
  readonly process: Process;
  /** The store as it is on the other side of the wire. */
  readonly store: StateStore;
  /** Prefix of the calls' names: who in the node asks. */
  readonly role: string;
  readonly deadlineMs: number;
}

/** A stream without a byte is found to be dead after about this time, and opened again. */
const NOTICE_MS = 300;
const REOPEN_MS = 150;

export function createStoreLink(deps: StoreLinkDeps): StateStore {
  const { store, deadlineMs } = deps;
  const read = <T>(call: string, serve: () => Promise<T>) => ask(deps, { call, deadlineMs, writes: false }, serve);
  const write = <T>(call: string, serve: () => Promise<T>) => ask(deps, { call, deadlineMs, writes: true }, serve);
  return {
    limits: store.limits,
    range: (range, options) => read('range', () => store.range(range, options)),
    get: (key) => read('get', () => store.get(key)),
    commit: (transaction) => write(commitName(transaction), () => store.commit(transaction)),
    watch: async (range, options) => {
      const watch = new RemoteWatch(deps, range, options);
      await watch.open();
      return watch;
    },
    grantLease: (ttlSeconds) => write('grant', () => store.grantLease(ttlSeconds)),
    keepLease: (id, options = {}) =>
      ask(deps, { call: 'keep', deadlineMs: options.deadlineMs ?? deadlineMs, writes: true }, () =>
        store.keepLease(id),
      ),
    revokeLease: (id) => write('revoke', () => store.revokeLease(id)),
    compact: (revision) => write('compact', () => store.compact(revision)),
    close: async () => undefined,
  };
}

/** "commit cluster/leader", "commit run/default": what traps are set on. */
function commitName({ writes }: Transaction): string {
  const [first] = writes;
  const key = first === undefined ? '' : 'key' in first ? first.key : first.range.start;
  return `commit ${key.split('/').slice(0, 2).join('/')}`;
}

interface Asked {
  readonly call: string;
  readonly deadlineMs: number;
  readonly writes: boolean;
}

async function ask<T>({ wire, process, role }: StoreLinkDeps, asked: Asked, serve: () => Promise<T>): Promise<T> {
  const { deadlineMs, writes } = asked;
  try {
    return await wire.call({ process, place: 'store', call: `${role} ${asked.call}`, deadlineMs }, serve);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    const outcome: WriteOutcome = error.kind === 'refused' ? 'not_applied' : 'unknown';
    const facts = { detail: error.message, ...(writes ? { outcome } : {}) };
    throw new AppError('unavailable', 'State store is not reachable.', facts);
  }
}

const OVER: IteratorResult<WatchBatch> = { done: true, value: undefined };

class RemoteWatch implements AsyncIterableIterator<WatchBatch> {
  readonly #deps: StoreLinkDeps;
  readonly #range: KeyRange;
  readonly #arrived: WatchBatch[] = [];
  /** The first revision that has not been delivered; undefined until the store has said where it stands. */
  #next: number | undefined;
  readonly #signal: AbortSignal;
  readonly #leave = () => this.#end();
  #failure: Error | null = null;
  #isOver = false;
  #serving = new AbortController();
  #waiting: { resolve(result: IteratorResult<WatchBatch>): void; reject(error: Error): void } | null = null;
  /** Messages of one stream keep their order. */
  #lastArrivalMs = 0;

  constructor(deps: StoreLinkDeps, range: KeyRange, { fromRevision, signal }: WatchOptions) {
    this.#deps = deps;
    this.#range = range;
    this.#next = fromRevision;
    this.#signal = signal;
    signal.addEventListener('abort', this.#leave, { once: true });
    if (signal.aborted) this.#end();
  }

  async open(): Promise<void> {
    if (this.#isOver) return;
    const { store } = this.#deps;
    const serving = new AbortController();
    this.#serving = serving;
    const wanted = this.#next;
    const asked = { call: 'watch', deadlineMs: this.#deps.deadlineMs, writes: false };
    try {
      const opened = await ask(this.#deps, asked, async () => {
        const from = wanted ?? (await store.range({ start: 'a', end: 'a' })).revision + 1;
        const batches = await store.watch(this.#range, { fromRevision: from, signal: serving.signal });
        this.#pump(batches, serving).catch((error: unknown) =>
          this.#deps.universe.note(() => `a watch broke: ${String(error)}`),
        );
        return from;
      });
      // The first news may have overtaken this answer.
      this.#next = Math.max(this.#next ?? 0, opened);
    } catch (error) {
      serving.abort();
      throw error;
    }
  }

  /** On the store's side: puts what happens on the wire, until the stream breaks. */
  async #pump(batches: AsyncIterable<WatchBatch>, serving: AbortController): Promise<void> {
    const { universe, wire, process } = this.#deps;
    try {
      for await (const batch of batches) {
        if (!process.isAlive) return serving.abort();
        const delayMs = wire.send({ from: process.name, to: 'store', back: true });
        if (delayMs === null) return this.#breakOff(serving);
        this.#lastArrivalMs = Math.max(universe.nowMs + delayMs, this.#lastArrivalMs);
        universe.after(this.#lastArrivalMs - universe.nowMs, process, () => this.#take(batch, serving));
      }
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      universe.after(0, process, () => this.#fail(error));
    }
  }

  #breakOff(serving: AbortController): void {
    serving.abort();
    this.#deps.universe.timer(NOTICE_MS, this.#deps.process, () => this.#reopen());
  }

  /** Once the stream is gone: again and again until the store answers. */
  #reopen(): void {
    if (this.#isOver || !this.#serving.signal.aborted) return;
    this.open().catch((error: unknown) => {
      if (error instanceof CompactedError) return this.#fail(error);
      this.#deps.universe.timer(REOPEN_MS, this.#deps.process, () => this.#reopen());
    });
  }

  #take(batch: WatchBatch, serving: AbortController): void {
    // What a stream that was given up still brings is told by the one after it.
    if (this.#isOver || serving !== this.#serving || batch.revision < (this.#next ?? 0)) return;
    this.#next = batch.revision + 1;
    if (this.#waiting === null) this.#arrived.push(batch);
    else this.#waiting.resolve({ done: false, value: batch });
    this.#waiting = null;
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#signal.removeEventListener('abort', this.#leave);
    this.#serving.abort();
    if (this.#waiting === null) this.#failure = error;
    else this.#waiting.reject(error);
    this.#waiting = null;
  }

  #end(): void {
    this.#isOver = true;
    this.#signal.removeEventListener('abort', this.#leave);
    this.#serving.abort();
    this.#waiting?.resolve(OVER);
    this.#waiting = null;
  }

  next(): Promise<IteratorResult<WatchBatch>> {
    const batch = this.#arrived.shift();
    if (this.#isOver) return Promise.resolve(OVER);
    if (batch !== undefined) return Promise.resolve({ done: false, value: batch });
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<WatchBatch>> {
    this.#end();
    return Promise.resolve(OVER);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
