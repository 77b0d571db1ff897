// Who wrote which revision, and what a leader's work may read: remembered on the node's side when a call is sent, looked at on the
// store's side when it is served.

import { CompactedError } from '../../store/state/port.ts';
import type { KeyRange, RangeOptions, RangeResult, StateStore, Transaction } from '../../store/state/port.ts';
import type { Author, Fail } from './chronicle.ts';
import type { Role } from './node.ts';
import type { Process } from './universe.ts';

export interface SignaturesDeps {
  readonly store: StateStore;
  readonly fail: Fail;
}

export class Signatures {
  /** The term that a node is in. */
  readonly terms = new Map<Process, number>();
  /** Names of nodes whose reads are answered as of an old revision. */
  readonly sleepy = new Map<string, number>();
  readonly #deps: SignaturesDeps;
  readonly #authors = new Map<number, Author>();
  readonly #sent = new WeakMap<Transaction | KeyRange, number | null>();

  constructor(deps: SignaturesDeps) {
    this.#deps = deps;
  }

  /** Of a revision; asked for once. */
  takeAuthor(revision: number): Author | null {
    const author = this.#authors.get(revision) ?? null;
    this.#authors.delete(revision);
    return author;
  }

  /** On the node's side: remembers under which term a leader's read and any write is sent. */
  remember(process: Process, role: Role, store: StateStore): StateStore {
    const range: StateStore['range'] = (wanted, options) => {
      const own = { ...wanted };
      this.#sent.set(own, this.terms.get(process) ?? null);
      return store.range(own, options);
    };
    return {
      ...store,
      ...(role === 'duty' ? { range, get: getBy(range) } : {}),
      commit: async (transaction) => {
        this.#sent.set(transaction, this.terms.get(process) ?? null);
        const result = await store.commit(transaction);
        // What the member of the store has written, it knows.
        if (result.succeeded) this.sleepy.delete(process.name);
        return result;
      },
    };
  }

  /** On the store's side: remembers who wrote which revision. */
  serve(process: Process, role: Role): StateStore {
    const { store } = this.#deps;
    const commit = async (transaction: Transaction) => {
      const result = await store.commit(transaction);
      const term = this.#sent.get(transaction) ?? null;
      if (result.succeeded) this.#authors.set(result.revision, { process, role, term });
      return result;
    };
    return {
      limits: store.limits,
      commit,
      ...(role === 'duty'
        ? this.#leaderReads(process)
        : { range: store.range.bind(store), get: store.get.bind(store) }),
      watch: (range, watchOptions) => store.watch(range, watchOptions),
      grantLease: (ttlSeconds) => store.grantLease(ttlSeconds),
      keepLease: (id) => store.keepLease(id),
      revokeLease: (id) => store.revokeLease(id),
      compact: (revision) => store.compact(revision),
      close: async () => undefined,
    };
  }

  /** The reads of a leader's work, which have to know everything from before its term. */
  #leaderReads(process: Process): Pick<StateStore, 'range' | 'get'> {
    const range: StateStore['range'] = async (wanted, options = {}) => {
      const term = this.#sent.get(wanted) ?? 0;
      const sleepy = this.sleepy.get(process.name);
      const past =
        sleepy === undefined || options.revision !== undefined ? null : await this.#past(wanted, options, sleepy);
      const result = past ?? (await this.#deps.store.range(wanted, options));
      const served = options.revision ?? result.revision;
      if (served < term) {
        this.#deps.fail('I21', `${process.name} reads ${wanted.start} as of revision ${served} in its term ${term}`);
      }
      return result;
    };
    return { range, get: getBy(range) };
  }

  /** Null when that past is gone. */
  async #past(range: KeyRange, options: RangeOptions, revision: number): Promise<RangeResult | null> {
    try {
      return { ...(await this.#deps.store.range(range, { ...options, revision })), revision };
    } catch (error) {
      if (error instanceof CompactedError) return null;
      throw error;
    }
  }
}

function getBy(range: StateStore['range']): StateStore['get'] {
  return async (key) => (await range({ start: key, end: `${key}\0` })).kvs[0] ?? null;
}
