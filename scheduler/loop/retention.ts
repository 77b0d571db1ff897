// The retention duty: takes away what the settings say is no longer kept (spec 4.8, 8.5). Objects and logs of old runs go once the
// run is complete; old events and remembered idempotency answers go by age. Each deletion is fenced, small, and may be repeated.

import { setTimeout as pause } from 'node:timers/promises';
import type { LeaderDuty, Leadership } from '../../cluster/leadership.ts';
import { keys, runOfKey } from '../../store/keys.ts';
import type { PipelineKey } from '../../store/keys.ts';
import { archiveName } from '../../store/logs/archive.ts';
import { errorText, isAppError } from '../../store/model/errors.ts';
import { parseRunId, runKeyText } from '../../store/model/ids.ts';
import type { Instant, RunKey } from '../../store/model/ids.ts';
import type { CompleteTask } from '../../store/model/run.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import { objectKeyRecord } from '../../store/records/blob-records.ts';
import { segmentRecord } from '../../store/records/event-records.ts';
import { idempotencyRecord } from '../../store/records/request-records.ts';
import { retentionRecord, runCounterRecord, runRecord, taskRecord } from '../../store/records/run-records.ts';
import type { KeyRange, KeyValue, StateStore, WatchEvent, Write } from '../../store/state/port.ts';
import type { LoopLog } from './deps.ts';

export interface RetentionSettings {
  /** Newest runs of each pipeline whose run objects are kept. */
  readonly runObjectsKept: number;
  /** Newest runs of each pipeline whose logs are kept. */
  readonly runLogsKept: number;
  readonly eventsKeptMs: number;
  readonly eventPruneIntervalMs: number;
}

export interface RetentionDeps {
  readonly state: StateStore;
  readonly objects: ObjectStore;
  readonly settings: RetentionSettings;
  readonly now: () => Instant;
  readonly log: LoopLog;
}

/** Pipelines with new runs are looked at this often: soon enough, and in one go for many runs. */
const SWEEP_MS = 2_000;
/** Keys or runs in one step, so that nothing else waits long behind it. */
const STEP = 100;
/** A repeated request is recognised for a day, as clients' retries need it. */
const IDEMPOTENCY_KEPT_MS = 86_400_000;

export function createRetentionDuty(deps: RetentionDeps): LeaderDuty {
  return { name: 'retention', run: (leadership) => new Retention(deps, leadership).run() };
}

class Retention {
  readonly #deps: RetentionDeps;
  readonly #leadership: Leadership;
  readonly #pipelines = new Map<string, PipelineKey>();
  #prunedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: RetentionDeps, leadership: Leadership) {
    this.#deps = deps;
    this.#leadership = leadership;
  }

  async run(): Promise<void> {
    const { signal } = this.#leadership;
    const watching = this.#watchCounters();
    while (!signal.aborted) {
      try {
        await this.#sweep();
      } catch (error) {
        if (isAppError(error, 'lost_leadership') || signal.aborted) break;
        this.#deps.log.warn({ error: errorText(error) }, 'retention stopped half-way, trying again');
      }
      await pause(SWEEP_MS, undefined, { signal }).catch(() => undefined);
    }
    await watching;
  }

  /** A run counter changes with each new run: its pipeline may have something to expire. */
  async #watchCounters(): Promise<void> {
    const { state, log } = this.#deps;
    const { signal } = this.#leadership;
    while (!signal.aborted) {
      try {
        const watch = await state.watch(keys.runCounters(), { signal });
        for await (const kv of pages(state, keys.runCounters())) this.#note(kv.key);
        for await (const batch of watch) this.#noteAll(batch.events);
      } catch (error) {
        log.warn({ error: errorText(error) }, 'retention lists again');
        await pause(SWEEP_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #noteAll(events: readonly WatchEvent[]): void {
    for (const event of events) if (event.type === 'put') this.#note(event.kv.key);
  }

  #note(key: string): void {
    const { namespaceId, pipelineId } = runOfKey(key);
    this.#pipelines.set(`${namespaceId}/${pipelineId}`, { namespaceId, pipelineId });
  }

  async #sweep(): Promise<void> {
    for (const [name, pipeline] of [...this.#pipelines]) {
      this.#leadership.check();
      this.#pipelines.delete(name);
      if (await this.#expire(pipeline)) this.#pipelines.set(name, pipeline);
    }
    const { eventPruneIntervalMs } = this.#deps.settings;
    if (this.#deps.now() - this.#prunedAt < eventPruneIntervalMs) return;
    await this.#pruneEvents();
    await this.#pruneAnswers();
    this.#prunedAt = this.#deps.now();
  }

  /** True when there is more to expire, now or once a run is complete. */
  async #expire(pipeline: PipelineKey): Promise<boolean> {
    const { state, settings } = this.#deps;
    const kv = await state.get(keys.runCounter(pipeline));
    if (kv === null) return false;
    const { lastRunId } = runCounterRecord.decode(kv.value);
    const objects = await this.#expireObjects(pipeline, lastRunId - settings.runObjectsKept);
    const logs = await this.#expireLogs(pipeline, lastRunId - settings.runLogsKept);
    return objects || logs;
  }

  async #expireObjects(pipeline: PipelineKey, last: number): Promise<boolean> {
    if (last < 1) return false;
    const { state, objects } = this.#deps;
    const range = keys.objectsOfRuns(pipeline, last);
    const page = await state.range(range, { limit: STEP });
    const open = new Set<string>();
    for (const kv of page.kvs) {
      const [, , ...rest] = kv.key.split('/');
      const run = runOfKey(`run/${rest.join('/')}`);
      if (open.has(runKeyText(run))) continue;
      if (!(await this.#deleteObject(run, kv))) open.add(runKeyText(run));
      else await objects.delete(objectKeyRecord.decode(kv.value).blobName);
    }
    return page.more || open.size > 0;
  }

  /** The key goes first: a blob without a key is garbage, a key without a blob would be a broken promise. */
  async #deleteObject(run: RunKey, kv: KeyValue): Promise<boolean> {
    const found = await this.#deps.state.get(keys.run(run));
    const writes: Write[] = [{ op: 'delete', key: kv.key }];
    if (found !== null) {
      const record = runRecord.decode(found.value);
      if (record.state !== 'complete') return false;
      const expired = { ...record, storeObjectsExpired: true };
      if (!record.storeObjectsExpired) writes.push({ op: 'put', key: found.key, value: runRecord.encode(expired) });
    }
    return this.#commit([kv, ...(found === null ? [] : [found])], writes);
  }

  async #expireLogs(pipeline: PipelineKey, last: number): Promise<boolean> {
    const { state } = this.#deps;
    const cursor = await state.get(keys.retention(pipeline));
    const done = cursor === null ? 0 : retentionRecord.decode(cursor.value).logsExpiredUpTo;
    let upTo = done;
    while (upTo < last && upTo < done + STEP) {
      if (!(await this.#expireRunLogs({ ...pipeline, runId: parseRunId(upTo + 1) }))) break;
      upTo += 1;
    }
    if (upTo === done) return done < last;
    const value = retentionRecord.encode({ logsExpiredUpTo: upTo });
    await this.#commit(cursor === null ? [] : [cursor], [{ op: 'put', key: keys.retention(pipeline), value }]);
    return upTo < last;
  }

  /** False while the run is not over, or a log of it is not archived yet. */
  async #expireRunLogs(run: RunKey): Promise<boolean> {
    const { state, objects } = this.#deps;
    const found = await state.get(keys.run(run));
    if (found !== null && runRecord.decode(found.value).state !== 'complete') return false;
    for await (const kv of pages(state, keys.tasksOf(run))) {
      const task = taskRecord.decode(kv.value);
      if (task.state !== 'complete' || task.logs === 'removed' || task.logs === 'expired') continue;
      if (await this.#isInEngine(task)) return false;
      if (task.logs === 'archived' || task.logs === 'engine') {
        const expired: CompleteTask = { ...task, logs: 'expired' };
        const taken = await this.#commit([kv], [{ op: 'put', key: kv.key, value: taskRecord.encode(expired) }]);
        if (!taken) return false;
      }
      for (const { attempt } of task.past) await objects.delete(archiveName({ ...task, attempt }));
    }
    return true;
  }

  /**
   * Whether the archiver still has its newest log to copy. Its duty tells: a task that was cancelled while it waited for another
   * attempt keeps the word 'engine', since the archiver was done with the attempt before.
   */
  async #isInEngine(task: CompleteTask): Promise<boolean> {
    const attempt = task.past.at(-1)?.attempt;
    if (task.logs !== 'engine' || attempt === undefined) return false;
    return (await this.#deps.state.get(keys.archive({ ...task, attempt }))) !== null;
  }

  async #pruneEvents(): Promise<void> {
    const cutoff = this.#deps.now() - this.#deps.settings.eventsKeptMs;
    for await (const kv of pages(this.#deps.state, keys.events())) {
      const { events } = segmentRecord.decode(kv.value);
      const newest = events.findLast((event) => event !== null);
      if ((newest?.emitted ?? 0) >= cutoff) return;
      if (!(await this.#commit([kv], [{ op: 'delete', key: kv.key }]))) return;
    }
  }

  async #pruneAnswers(): Promise<void> {
    const cutoff = this.#deps.now() - IDEMPOTENCY_KEPT_MS;
    for await (const kv of pages(this.#deps.state, keys.idempotencies())) {
      if (idempotencyRecord.decode(kv.value).created < cutoff)
        await this.#commit([kv], [{ op: 'delete', key: kv.key }]);
    }
  }

  /** Fenced, and only if the records are still as they were seen. */
  async #commit(seen: readonly KeyValue[], writes: readonly Write[]): Promise<boolean> {
    const compares = seen.map(({ key, modRevision }) => ({ target: 'mod', key, equals: modRevision }) as const);
    const result = await this.#deps.state.commit({ compares: [this.#leadership.fence, ...compares], writes });
    return result.succeeded;
  }
}

async function* pages(state: StateStore, range: KeyRange): AsyncGenerator<KeyValue> {
  let start = range.start;
  for (;;) {
    const page = await state.range({ start, end: range.end }, { limit: STEP });
    yield* page.kvs;
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    start = `${last.key}\0`;
  }
}
