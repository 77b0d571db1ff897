// Copies the logs of ended attempts to the object store, then lets the engine forget the attempts. The duty is a record: written in
// the commit that ended the attempt, deleted in the commit that says where its log is now. A crash in between repeats the copy.
//
// All nodes share this work and nobody claims anything: a hash says whose each record is, and the others take over what is still
// there after a while. Two copies of one log are harmless, since an archive is only ever created (the first whole copy stays), a
// record is settled once, and the engine forgets only what is settled. So sharing costs no write.

import type { NodeDuty, Presence } from '../../cluster/presence.ts';
import { attemptOfArchive, keys } from '../../store/keys.ts';
import { archiveName, writeArchive } from '../../store/logs/archive.ts';
import { errorText, isAppError } from '../../store/model/errors.ts';
import { attemptId } from '../../store/model/ids.ts';
import type { AttemptKey } from '../../store/model/ids.ts';
import type { LogPlace, TaskExecution } from '../../store/model/run.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import { archiveRecord } from '../../store/records/run-records.ts';
import { CompactedError } from '../../store/state/port.ts';
import type { KeyValue, StateStore, WatchEvent } from '../../store/state/port.ts';
import type { Engine, LogChunk } from '../engines/port.ts';
import { createSettler } from './archive-settling.ts';
import type { Settler } from './archive-settling.ts';
import type { LoopLog } from './deps.ts';
import { rankOf } from './share-work.ts';

/** Copies under way at once: they wait for the disk and the store, not for the processor. One holds 64 KiB. */
const COPIES_MAX = 64;
const LIST_PAGE = 500;
/** A copy that failed is tried again after this time. */
const RETRY_MS = 5_000;
/** What a member has not done by then, or is not there to do, the next one takes over. */
const TAKE_OVER_MS = 10_000;

export interface ArchiverDeps {
  readonly state: StateStore;
  readonly objects: ObjectStore;
  readonly engine: Engine;
  readonly log: LoopLog;
}

export function createArchivingDuty(deps: ArchiverDeps): NodeDuty {
  return { name: 'archiving', run: (presence) => new Archiver(deps, presence).run() };
}

interface Copied {
  readonly place: LogPlace;
  /** This node's own copy is the one that lies there. */
  readonly isOwn: boolean;
}

class Archiver {
  readonly #deps: ArchiverDeps;
  readonly #presence: Presence;
  readonly #settler: Settler;
  readonly #waiting = new Map<string, KeyValue>();
  /** Others' work, and what is to be tried again. */
  readonly #later = new Map<string, NodeJS.Timeout>();
  readonly #underWay = new Map<string, Promise<void>>();
  /** Duties that were written anew while they were under way. */
  readonly #news = new Map<string, KeyValue>();

  constructor(deps: ArchiverDeps, presence: Presence) {
    this.#deps = deps;
    this.#presence = presence;
    this.#settler = createSettler({ state: deps.state, fence: presence.fence });
  }

  async run(): Promise<void> {
    const { signal } = this.#presence;
    while (!signal.aborted) {
      try {
        await this.#watch((await this.#list()) + 1);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof CompactedError) && !isAppError(error, 'unavailable')) throw error;
        this.#deps.log.warn({ error: errorText(error) }, 'archiver lists again');
      }
    }
    for (const timer of this.#later.values()) clearTimeout(timer);
    await Promise.all(this.#underWay.values());
  }

  async #list(): Promise<number> {
    const range = keys.archives();
    let start = range.start;
    for (;;) {
      const page = await this.#deps.state.range({ start, end: range.end }, { limit: LIST_PAGE });
      for (const kv of page.kvs) this.#add(kv);
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return page.revision;
      start = `${last.key}\0`;
    }
  }

  async #watch(fromRevision: number): Promise<void> {
    const { signal } = this.#presence;
    for await (const batch of await this.#deps.state.watch(keys.archives(), { fromRevision, signal })) {
      for (const event of batch.events) this.#hear(event);
    }
  }

  #hear(event: WatchEvent): void {
    if (event.type === 'put') return this.#add(event.kv);
    this.#waiting.delete(event.key);
    this.#news.delete(event.key);
    this.#putOff(event.key, null);
  }

  /** At once what is this node's, after a while what is another's. */
  #add(kv: KeyValue): void {
    if (this.#underWay.has(kv.key)) return void this.#news.set(kv.key, kv);
    const rank = this.#rank(kv);
    if (rank === 0) this.#take(kv);
    else this.#putOff(kv.key, { kv, ms: (rank ?? 1) * TAKE_OVER_MS });
  }

  #rank({ key }: KeyValue): number | null {
    return rankOf({ key, nodeId: this.#presence.nodeId, sharers: this.#presence.sharers() });
  }

  #take(kv: KeyValue): void {
    this.#putOff(kv.key, null);
    this.#waiting.set(kv.key, kv);
    this.#pump();
  }

  #putOff(key: string, until: { readonly kv: KeyValue; readonly ms: number } | null): void {
    clearTimeout(this.#later.get(key));
    this.#later.delete(key);
    if (until === null || this.#presence.signal.aborted) return;
    const timer = setTimeout(() => {
      this.#later.delete(key);
      // A node that cannot reach the cluster's engine has nothing to copy.
      if (this.#rank(until.kv) === null) this.#putOff(key, { kv: until.kv, ms: TAKE_OVER_MS });
      else this.#take(until.kv);
    }, until.ms);
    this.#later.set(key, timer.unref());
  }

  #pump(): void {
    for (const [key, kv] of this.#waiting) {
      if (this.#underWay.size >= COPIES_MAX || this.#presence.signal.aborted) return;
      this.#waiting.delete(key);
      const work = this.#archive(kv).finally(() => {
        this.#underWay.delete(key);
        this.#takeNews(key, kv);
        this.#pump();
      });
      this.#underWay.set(key, work);
    }
  }

  #takeNews(key: string, done: KeyValue): void {
    const news = this.#news.get(key);
    this.#news.delete(key);
    if (news !== undefined && news.modRevision !== done.modRevision) this.#add(news);
  }

  async #archive(duty: KeyValue): Promise<void> {
    const { engine, objects, log } = this.#deps;
    const attempt = attemptOfArchive(duty.key);
    const id = attemptId(attempt, attempt.attempt);
    try {
      const { engine: kind } = archiveRecord.decode(duty.value);
      // Another engine's attempts cannot be read here any more.
      const copied: Copied = kind === engine.kind ? await this.#copy(attempt) : { place: 'none', isOwn: false };
      const task = await this.#settler.settle({ duty, attempt, place: copied.place });
      if (copied.isOwn && isUnwanted(task)) await objects.delete(archiveName(attempt));
      await engine.forget(id);
    } catch (error) {
      if (this.#presence.signal.aborted) return;
      log.warn({ attemptId: id, error: errorText(error) }, 'log not archived, trying again later');
      this.#putOff(duty.key, { kv: duty, ms: RETRY_MS });
    }
  }

  async #copy(attempt: AttemptKey): Promise<Copied> {
    const chunks = this.#deps.engine.logs(attemptId(attempt, attempt.attempt), { follow: false });
    const iterator = chunks[Symbol.asyncIterator]();
    try {
      const first = await iterator.next();
      if (first.done === true) return { place: 'empty', isOwn: false };
      const isOwn = await writeArchive(this.#deps.objects, archiveName(attempt), resumed(first.value, iterator));
      return { place: 'archived', isOwn };
    } catch (error) {
      if (!isAppError(error, 'not_found')) throw error;
      // Archived before, when the attempt was let go while its task still waited for another one.
      const isArchived = (await this.#deps.objects.stat(archiveName(attempt))) !== null;
      return { place: isArchived ? 'archived' : 'none', isOwn: false };
    } finally {
      await iterator.return?.();
    }
  }
}

/** Its log was removed, or its pipeline deleted, while the copy was being made. */
function isUnwanted(task: TaskExecution | null): boolean {
  return task === null || (task.state === 'complete' && (task.logs === 'removed' || task.logs === 'expired'));
}

async function* resumed(first: LogChunk, rest: AsyncIterator<LogChunk>): AsyncIterable<LogChunk> {
  yield first;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}
