// Drops old history, since etcd does so only when it is told: by itself it would keep every version of every key until it is full.
//
// Each node compacts to the revision that it saw five to ten minutes ago. No two need to agree: all of them name revisions that are at
// least that old, and the later one wins. An etcd that compacts by itself as well is no harm either. What the other users of a shared
// etcd read stays as well: nobody reads versions of minutes ago, and who does is told by etcd (Kubernetes compacts in the same way).

/** A watch that is cut off for longer lists again, which is only slower. */
export const KEEP_HISTORY_MS = 5 * 60_000;

export interface HistoryKeeperDeps {
  readonly everyMs: number;
  readonly revision: () => number;
  readonly compact: (revision: number) => Promise<void>;
}

export class HistoryKeeper {
  readonly #deps: HistoryKeeperDeps;
  #timer: NodeJS.Timeout | null = null;
  #mark = 0;
  #isStopped = false;

  constructor(deps: HistoryKeeperDeps) {
    this.#deps = deps;
  }

  /** May be called again and again. */
  start(): void {
    if (this.#timer !== null || this.#isStopped) return;
    this.#timer = setInterval(() => this.#step(), this.#deps.everyMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #step(): void {
    const old = this.#mark;
    this.#mark = this.#deps.revision();
    // A store that does not answer is tried again in five minutes; its health tells of it.
    if (old > 0) this.#deps.compact(old).catch(() => undefined);
  }
}
