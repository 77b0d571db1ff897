// Copies the logs of ended attempts to the object store, then lets the engine forget the attempts. The duty is a record: written in
// the commit that ended the attempt, deleted in the commit that says where its log is now. A crash in between repeats the copy.

import type { LeaderDuty, Leadership } from '../../cluster/leadership.ts';
import { attemptOfArchive, keys } from '../../store/keys.ts';
import { archiveName, writeArchive } from '../../store/logs/archive.ts';
import { AppError, errorText, isAppError } from '../../store/model/errors.ts';
import { attemptId } from '../../store/model/ids.ts';
import type { AttemptKey } from '../../store/model/ids.ts';
import type { LogPlace, TaskExecution } from '../../store/model/run.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import { archiveRecord, taskRecord } from '../../store/records/run-records.ts';
import { CompactedError } from '../../store/state/port.ts';
import type { Compare, KeyValue, StateStore, Write } from '../../store/state/port.ts';
import type { Engine, LogChunk } from '../engines/port.ts';
import type { LoopLog } from './deps.ts';

/** Copies under way at once: they wait for the disk, not for the processor. */
const COPIES_MAX = 8;
const LIST_PAGE = 500;
/** A copy that failed is tried again after this time. */
const RETRY_MS = 5_000;
/** A task's record changes a few times in its life. */
const SETTLE_TRIES_MAX = 5;

export interface ArchiverDeps {
  readonly state: StateStore;
  readonly objects: ObjectStore;
  readonly engine: Engine;
  readonly log: LoopLog;
}

export function createArchivingDuty(deps: ArchiverDeps): LeaderDuty {
  return { name: 'archiving', run: (leadership) => new Archiver(deps, leadership).run() };
}

class Archiver {
  readonly #deps: ArchiverDeps;
  readonly #leadership: Leadership;
  readonly #waiting = new Map<string, KeyValue>();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(deps: ArchiverDeps, leadership: Leadership) {
    this.#deps = deps;
    this.#leadership = leadership;
  }

  async run(): Promise<void> {
    const { signal } = this.#leadership;
    while (!signal.aborted) {
      try {
        await this.#watch((await this.#list()) + 1);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof CompactedError) && !isAppError(error, 'unavailable')) throw error;
        this.#deps.log.warn({ error: errorText(error) }, 'archiver lists again');
      }
    }
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
    const { signal } = this.#leadership;
    for await (const batch of await this.#deps.state.watch(keys.archives(), { fromRevision, signal })) {
      for (const event of batch.events) if (event.type === 'put') this.#add(event.kv);
    }
  }

  #add(kv: KeyValue): void {
    if (!this.#underWay.has(kv.key)) this.#waiting.set(kv.key, kv);
    this.#pump();
  }

  #pump(): void {
    for (const [key, kv] of this.#waiting) {
      if (this.#underWay.size >= COPIES_MAX || this.#leadership.signal.aborted) return;
      this.#waiting.delete(key);
      const work = this.#copy(kv).finally(() => {
        this.#underWay.delete(key);
        this.#pump();
      });
      this.#underWay.set(key, work);
    }
  }

  async #copy(kv: KeyValue): Promise<void> {
    const { engine, log } = this.#deps;
    const attempt = attemptOfArchive(kv.key);
    const id = attemptId(attempt, attempt.attempt);
    try {
      const duty = archiveRecord.decode(kv.value);
      // Another engine's attempts cannot be read here any more.
      const place = duty.engine === engine.kind ? await this.#archive(attempt) : 'none';
      await this.#settle(kv, attempt, place);
      await engine.forget(id);
    } catch (error) {
      if (isAppError(error, 'lost_leadership')) return;
      log.warn({ attemptId: id, error: errorText(error) }, 'log not archived, trying again later');
      const timer = setTimeout(() => this.#add(kv), RETRY_MS);
      this.#leadership.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
    }
  }

  async #archive(attempt: AttemptKey): Promise<LogPlace> {
    const chunks = this.#deps.engine.logs(attemptId(attempt, attempt.attempt), { follow: false });
    const iterator = chunks[Symbol.asyncIterator]();
    try {
      const first = await iterator.next();
      if (first.done === true) return 'empty';
      await writeArchive(this.#deps.objects, archiveName(attempt), resumed(first.value, iterator));
      return 'archived';
    } catch (error) {
      if (isAppError(error, 'not_found')) return 'none';
      throw error;
    } finally {
      await iterator.return?.();
    }
  }

  /** Takes the duty away and says where the log is. */
  async #settle(kv: KeyValue, attempt: AttemptKey, place: LogPlace): Promise<void> {
    const { state, objects } = this.#deps;
    const key = keys.task(attempt);
    for (let tries = 0; tries < SETTLE_TRIES_MAX; tries += 1) {
      this.#leadership.check();
      const found = await state.get(key);
      const task = found === null ? null : taskRecord.decode(found.value);
      const compares: Compare[] = [this.#leadership.fence, { target: 'mod', key, equals: found?.modRevision ?? 0 }];
      const writes: Write[] = [{ op: 'delete', key: kv.key }];
      const isLast = task?.past.at(-1)?.attempt === attempt.attempt;
      if (task?.state === 'complete' && task.logs === 'engine' && isLast) {
        writes.push({ op: 'put', key, value: taskRecord.encode({ ...task, logs: place }) });
      }
      const { succeeded } = await state.commit({ compares, writes });
      if (!succeeded) continue;
      if (isUnwanted(task)) await objects.delete(archiveName(attempt));
      return;
    }
    throw new AppError('conflict', 'The task kept changing while its log was copied.');
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
