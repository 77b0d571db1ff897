// What the parts of the state suite share: worlds, shorthand for transactions, and a reader that records a watch.

import { expect } from 'vitest';
import type { AppError } from '../../store/model/errors.ts';
import type { KeyRange, KeyValue, StateStore, Transaction, WatchBatch, WatchEvent } from '../../store/state/port.ts';
import { prefixRange } from '../../store/state/port.ts';

export interface StateWorld extends AsyncDisposable {
  readonly store: StateStore;
}

/** Opens a store for one test. It may hold keys of other tests, and its revision may be anything; nobody else writes to it. */
export type OpenStateWorld = () => Promise<StateWorld>;

let prefixes = 0;

/** Keys and ranges that no other test uses, since a backend's server may outlive its tests. */
export function freshKeys(): { readonly at: (name: string) => string; readonly all: KeyRange } {
  const prefix = `suite-${process.pid}-${Date.now()}-${++prefixes}/`;
  return { at: (name) => prefix + name, all: prefixRange(prefix) };
}

export function put(key: string, value: string, lease?: string): Transaction['writes'][number] {
  return lease === undefined ? { op: 'put', key, value } : { op: 'put', key, value, lease };
}

export function remove(key: string): Transaction['writes'][number] {
  return { op: 'delete', key };
}

/** Commits without compares and gives the revision. */
export async function write(store: StateStore, ...writes: Transaction['writes']): Promise<number> {
  const result = await store.commit({ compares: [], writes });
  expect(result.succeeded).toBe(true);
  return result.revision;
}

export function keysOf(kvs: readonly KeyValue[]): string[] {
  return kvs.map((kv) => kv.key);
}

export function valuesOf(kvs: readonly KeyValue[]): string[] {
  return kvs.map((kv) => kv.value);
}

/** Matches the AppError of this code in `rejects`. */
export function appError(code: AppError['code']): unknown {
  return expect.objectContaining({ name: 'AppError', code });
}

export interface Recording {
  readonly batches: readonly WatchBatch[];
  events(): readonly WatchEvent[];
  /** Resolves when the watch is over: with its error, or null after a normal end. */
  readonly over: Promise<unknown>;
  stop(): void;
}

/** Reads the watch in the background from now on. */
export async function record(store: StateStore, range: KeyRange, fromRevision?: number): Promise<Recording> {
  const ending = new AbortController();
  const from = fromRevision === undefined ? {} : { fromRevision };
  const watch = await store.watch(range, { signal: ending.signal, ...from });
  const batches: WatchBatch[] = [];
  const read = async (): Promise<unknown> => {
    try {
      for await (const batch of watch) batches.push(batch);
      return null;
    } catch (error) {
      return error;
    }
  };
  return { batches, events: () => batches.flatMap((batch) => batch.events), over: read(), stop: () => ending.abort() };
}

/** `put key=value` or `delete key`, for comparing whole histories. */
export function told(events: readonly WatchEvent[]): string[] {
  return events.map((event) =>
    event.type === 'put' ? `put ${event.kv.key}=${event.kv.value}` : `delete ${event.key}`,
  );
}
