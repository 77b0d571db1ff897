// What reaches the leader from the store: new runs, asks, and events of other nodes. First a list at one revision, then watches
// from there on; now and then all is listed again, since a watch is only a hint.

import type { Leadership } from '../../cluster/leadership.ts';
import { keys, runOfKey } from '../../store/keys.ts';
import { errorText, isAppError } from '../../store/model/errors.ts';
import type { StoredEvent } from '../../store/model/event.ts';
import { runKeyText } from '../../store/model/ids.ts';
import { eventCounterRecord, outboxRecord } from '../../store/records/event-records.ts';
import { askRecord, openRunRecord } from '../../store/records/run-records.ts';
import { CompactedError } from '../../store/state/port.ts';
import type { KeyRange, KeyValue, StateStore, WatchEvent } from '../../store/state/port.ts';
import type { LoopLog } from './deps.ts';
import { addAsk, arrive } from './world.ts';
import type { World } from './world.ts';

const LIST_PAGE = 500;

interface IntakeDeps {
  readonly state: StateStore;
  readonly world: World;
  readonly log: LoopLog;
  /** Asked before each read: what reads for a term that is over reads no further. */
  readonly leadership: Pick<Leadership, 'check'>;
  /** Something new is in the world. */
  readonly wake: () => void;
}

/** Reads the event counter, the open list, all asks and the outbox. Returns the revision from which to watch. */
export async function listAll(deps: IntakeDeps): Promise<number> {
  await readCounter(deps);
  const { kvs, revision } = await listRange(deps, keys.openRuns());
  for (const kv of kvs) arrive(deps.world, { key: runOfKey(kv.key), order: kv.createRevision, created: null });
  // In the order in which they were made: two asks about one run must not overtake each other.
  const asks = await listRange(deps, keys.asks(), revision);
  for (const kv of byCreation(asks.kvs)) takeAsk(deps, kv);
  await listOutbox(deps, revision);
  return revision;
}

export async function listOutbox(deps: Omit<IntakeDeps, 'wake'>, revision?: number): Promise<void> {
  const outbox = await listRange(deps, keys.outboxAll(), revision);
  for (const kv of byCreation(outbox.kvs)) takeOutbox(deps, kv);
}

export async function readCounter({
  state,
  world,
  leadership,
}: Pick<IntakeDeps, 'state' | 'world' | 'leadership'>): Promise<void> {
  leadership.check();
  const kv = await state.get(keys.eventCounter());
  if (kv === null) return;
  world.counter = eventCounterRecord.decode(kv.value);
  world.counterRevision = kv.modRevision;
}

/** Watches from `fromRevision` until the signal aborts. Rejects when a watch fell behind: list again and start anew. */
export async function watchAll(deps: IntakeDeps, fromRevision: number, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const ranges: readonly [KeyRange, (event: WatchEvent) => void][] = [
    [keys.openRuns(), (event) => openChanged(deps, event)],
    [keys.asks(), (event) => askChanged(deps, event)],
    [keys.outboxAll(), (event) => outboxChanged(deps, event)],
  ];
  try {
    await Promise.all(
      ranges.map(async ([range, take]) => {
        const batches = await deps.state.watch(range, { fromRevision, signal: both });
        for await (const batch of batches) {
          for (const event of batch.events) take(event);
          deps.wake();
        }
      }),
    );
  } finally {
    stop.abort();
  }
}

/** Keeps the world fed for a whole term. */
export async function feed(deps: IntakeDeps, fromRevision: number, signal: AbortSignal): Promise<void> {
  let from = fromRevision;
  while (!signal.aborted) {
    try {
      await watchAll(deps, from, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CompactedError) && !isAppError(error, 'unavailable')) throw error;
      deps.log.warn({ error: errorText(error) }, 'watch ended, listing again');
      from = (await listAll(deps)) + 1;
      deps.wake();
    }
  }
}

function openChanged(deps: IntakeDeps, event: WatchEvent): void {
  if (event.type === 'put') {
    const { kv } = event;
    const created = decodeOrNull(() => openRunRecord.decode(kv.value));
    const pending = created?.state === 'pending' ? { run: created, revision: kv.modRevision } : null;
    arrive(deps.world, { key: runOfKey(kv.key), order: kv.createRevision, created: pending });
    return;
  }
  // Our own deletions come with the end of a run: then there is no view any more. Else its pipeline was deleted.
  const key = runOfKey(event.key);
  deps.world.arrivals.delete(runKeyText(key));
  if (deps.world.queue.has(key)) deps.world.queue.remove(key);
  if (deps.world.views.has(runKeyText(key))) deps.world.stale.add(runKeyText(key));
}

function askChanged(deps: IntakeDeps, event: WatchEvent): void {
  if (event.type === 'put') takeAsk(deps, event.kv);
}

function outboxChanged(deps: IntakeDeps, event: WatchEvent): void {
  if (event.type === 'put') takeOutbox(deps, event.kv);
}

function takeAsk(deps: IntakeDeps, kv: KeyValue): void {
  const ask = decodeOrNull(() => askRecord.decode(kv.value));
  if (ask === null) deps.log.error({ key: kv.key }, 'ask set aside: its record cannot be read');
  else addAsk(deps.world, runOfKey(kv.key), { key: kv.key, ask });
}

function takeOutbox(deps: Pick<IntakeDeps, 'world' | 'log'>, kv: KeyValue): void {
  const event = decodeOrNull((): StoredEvent => outboxRecord.decode(kv.value));
  if (event === null) deps.log.error({ key: kv.key }, 'outbox event set aside: its record cannot be read');
  else deps.world.outbox.set(kv.key, { event, revision: kv.modRevision });
}

function decodeOrNull<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (!isAppError(error, 'internal')) throw error;
    return null;
  }
}

function byCreation(kvs: readonly KeyValue[]): KeyValue[] {
  return [...kvs].sort((left, right) => left.createRevision - right.createRevision);
}

async function listRange(
  { state, leadership }: Pick<IntakeDeps, 'state' | 'leadership'>,
  range: KeyRange,
  revision?: number,
): Promise<{ readonly kvs: readonly KeyValue[]; readonly revision: number }> {
  const kvs: KeyValue[] = [];
  let start = range.start;
  let at = revision;
  for (;;) {
    leadership.check();
    const page = await state.range(
      { start, end: range.end },
      { limit: LIST_PAGE, ...(at === undefined ? {} : { revision: at }) },
    );
    kvs.push(...page.kvs);
    at ??= page.revision;
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return { kvs, revision: at };
    start = `${last.key}\0`;
  }
}
