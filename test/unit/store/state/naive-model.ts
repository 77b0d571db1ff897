// The state store as one would write it with no thought of cost: a whole copy of all keys for each revision. The real ones must
// agree with it on every answer.

import type {
  Compare,
  KeyRange,
  KeyValue,
  RangeOptions,
  RangeResult,
  Transaction,
  TransactionResult,
  WatchEvent,
  Write,
} from '../../../../store/state/port.ts';

type State = ReadonlyMap<string, KeyValue>;

export class NaiveModel {
  /** `states[n]`: everything at revision n. `events[n]`: what the commit n did. */
  readonly states: State[] = [new Map()];
  readonly events: WatchEvent[][] = [[]];

  revision(): number {
    return this.states.length - 1;
  }

  commit({ compares, writes, readOnFailure = [] }: Transaction): TransactionResult {
    const now = this.#at(this.revision());
    if (!compares.every((compare) => holds(compare, now.get(compare.key)))) {
      const found = readOnFailure.flatMap((key) => now.get(key) ?? []);
      return { succeeded: false, revision: this.revision(), found };
    }
    const next = new Map(now);
    const events: WatchEvent[] = [];
    const revision = this.revision() + 1;
    for (const write of writes) events.push(...apply(next, write, revision));
    if (events.length === 0) return { succeeded: true, revision: this.revision(), found: [] };
    this.states.push(next);
    this.events.push(events);
    return { succeeded: true, revision, found: [] };
  }

  range(range: KeyRange, { limit = 0, revision = 0, keysOnly = false }: RangeOptions): RangeResult {
    const all = inRange(this.#at(revision === 0 ? this.revision() : revision), range);
    const kvs = limit === 0 ? all : all.slice(0, limit);
    const shown = keysOnly ? kvs.map((kv) => ({ ...kv, value: '' })) : kvs;
    return { kvs: shown, more: kvs.length < all.length, revision: this.revision() };
  }

  #at(revision: number): State {
    return this.states[revision] ?? new Map();
  }
}

/** Writes of one transaction never meet, so each may look at the state that the ones before it left. */
function apply(state: Map<string, KeyValue>, write: Write, revision: number): WatchEvent[] {
  if (write.op === 'put') {
    const before = state.get(write.key);
    const createRevision = before?.createRevision ?? revision;
    const version = (before?.version ?? 0) + 1;
    const kv = { key: write.key, value: write.value, createRevision, modRevision: revision, version, lease: '' };
    state.set(write.key, kv);
    return [{ type: 'put', kv }];
  }
  const keys = write.op === 'delete' ? [write.key] : inRange(state, write.range).map((kv) => kv.key);
  return keys.filter((key) => state.delete(key)).map((key) => ({ type: 'delete', key, modRevision: revision }));
}

function inRange(state: State, { start, end }: KeyRange): KeyValue[] {
  const bytes = (text: string) => Buffer.from(text, 'utf8');
  const inside = (key: string) =>
    Buffer.compare(bytes(key), bytes(start)) >= 0 && Buffer.compare(bytes(key), bytes(end)) < 0;
  return [...state.values()]
    .filter((kv) => inside(kv.key))
    .sort((left, right) => Buffer.compare(bytes(left.key), bytes(right.key)));
}

function holds(compare: Compare, kv: KeyValue | undefined): boolean {
  if (compare.target === 'value') return kv !== undefined && kv.value === compare.equals;
  const revision = compare.target === 'create' ? kv?.createRevision : kv?.modRevision;
  return (revision ?? 0) === compare.equals;
}
