// Keys in UTF-8 order with their entries: a hash map for single keys, and the keys in sorted chunks for ranges. A chunk that
// grows too long is halved, so an insert moves at most one chunk's worth of pointers however many keys there are.

import type { KeyRange, KeyValue } from '../port.ts';
import { compareText } from '../text.ts';

const CHUNK_KEYS_MAX = 512;

export interface SortedEntries {
  get(key: string): KeyValue | null;
  put(kv: KeyValue): void;
  delete(key: string): void;
  scan(range: KeyRange): Iterable<KeyValue>;
}

export function createSortedEntries(): SortedEntries {
  const entries = new Map<string, KeyValue>();
  /** Never empty; only its single chunk may be. */
  const chunks: string[][] = [[]];

  /** The last chunk whose first key is not above the key; there such a key is, or belongs. */
  function chunkFor(key: string): number {
    const above = firstIndex(chunks.length, (index) => compareText(chunks[index]?.[0] ?? '', key) > 0);
    return Math.max(0, above - 1);
  }

  function insert(key: string): void {
    const at = chunkFor(key);
    const chunk = chunks[at] ?? [];
    chunk.splice(placeIn(chunk, key), 0, key);
    if (chunk.length > CHUNK_KEYS_MAX) chunks.splice(at + 1, 0, chunk.splice(CHUNK_KEYS_MAX / 2));
  }

  function remove(key: string): void {
    const at = chunkFor(key);
    const chunk = chunks[at] ?? [];
    chunk.splice(placeIn(chunk, key), 1);
    if (chunk.length === 0 && chunks.length > 1) chunks.splice(at, 1);
  }

  function* scan(range: KeyRange): Iterable<KeyValue> {
    const from = chunkFor(range.start);
    for (let at = from; at < chunks.length; at++) {
      const chunk = chunks[at] ?? [];
      for (let index = at === from ? placeIn(chunk, range.start) : 0; index < chunk.length; index++) {
        const kv = entries.get(chunk[index] ?? '');
        if (kv === undefined || compareText(kv.key, range.end) >= 0) return;
        yield kv;
      }
    }
  }

  return {
    get: (key) => entries.get(key) ?? null,
    put(kv) {
      if (!entries.has(kv.key)) insert(kv.key);
      entries.set(kv.key, kv);
    },
    delete(key) {
      if (entries.delete(key)) remove(key);
    },
    scan,
  };
}

/** Where the key is, or belongs, in the chunk. */
function placeIn(chunk: readonly string[], key: string): number {
  return firstIndex(chunk.length, (index) => compareText(chunk[index] ?? '', key) >= 0);
}

/** The first index of which `holds` is true, given that it is true of all later ones too; `length` when there is none. */
function firstIndex(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
