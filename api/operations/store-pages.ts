// Reading lists from the state store, page by page, and reading one record or saying that it is not there.

import type { RecordCodec } from '../../store/codec.ts';
import { AppError, isAppError } from '../../store/model/errors.ts';
import type { KeyRange, KeyValue, StateStore } from '../../store/state/port.ts';
import { notFound } from './parse-place.ts';

/** Records in one read: within etcd's default answer size also for large ones. */
const PAGE = 200;

export async function* eachKey(state: StateStore, range: KeyRange): AsyncGenerator<KeyValue> {
  let start = range.start;
  for (;;) {
    const page = await state.range({ start, end: range.end }, { limit: PAGE });
    yield* page.kvs;
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    start = `${last.key}\0`;
  }
}

export async function listRecords<T>(state: StateStore, range: KeyRange, codec: RecordCodec<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const kv of eachKey(state, range)) found.push(codec.decode(kv.value));
  return found;
}

export interface Found<T> {
  readonly value: T;
  readonly kv: KeyValue;
}

export async function findRecord<T>(state: StateStore, key: string, codec: RecordCodec<T>): Promise<Found<T> | null> {
  const kv = await state.get(key);
  return kv === null ? null : { value: codec.decode(kv.value), kv };
}

/** Throws not_found with the contract's one text for it (spec 1.2). */
export async function needRecord<T>(state: StateStore, key: string, codec: RecordCodec<T>): Promise<Found<T>> {
  const found = await findRecord(state, key, codec);
  if (found === null) throw notFound();
  return found;
}

/** A record was changed by somebody else between reading and writing, again and again. */
export function contended(): AppError {
  return new AppError('conflict', 'Somebody else changed this at the same time: try again.', {
    outcome: 'not_applied',
  });
}

/** Whether a commit that failed with this may have been written all the same, now or in a moment. */
export function mayBeWritten(error: unknown): boolean {
  if (!isAppError(error)) return true;
  return error.code === 'unavailable' && error.outcome !== 'not_applied';
}

/** Two people at one record need two tries; more than this is a stampede. */
const TRIES_MAX = 10;

/** Reads, decides and commits; again when the commit's compares failed. `attempt` returns null for that. */
export async function retried<T>(attempt: () => Promise<T | null>): Promise<T> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const result = await attempt();
    if (result !== null) return result;
  }
  throw contended();
}
