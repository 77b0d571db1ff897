// Random transactions, ranges, compactions and watches, against the naive model: every answer must be the same.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openLmdbStore } from '../../../../store/state/lmdb/lmdb-store.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import { CompactedError } from '../../../../store/state/port.ts';
import type { Compare, KeyRange, StateStore, Transaction, WatchEvent, Write } from '../../../../store/state/port.ts';
import { eventually } from '../../../eventually.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';
import { NaiveModel } from './naive-model.ts';

/** Few keys, so that they meet often; on both sides of where UTF-16 and UTF-8 disagree, and prefixes of each other. */
const KEYS = ['a', 'a/', 'a/1', 'a/2', 'b', 'é', '\ud7ff', '\uff5e', '😀', '😀/1'];

/** A revision is chosen as a share of those that exist when the step comes up. */
type WantedCompare =
  | { readonly target: 'create' | 'mod'; readonly key: string; readonly share: number | 'right' }
  | { readonly target: 'value'; readonly key: string; readonly equals: string };
type Wanted = {
  readonly compares: readonly WantedCompare[];
  readonly writes: readonly Write[];
  readonly asked: string[];
  /** Before the next one of the same step: lets the flusher start, or waits until the first one has been answered. */
  readonly then: 'go on' | 'pause' | 'first answer';
};
type Step =
  | { readonly do: 'commit'; readonly together: readonly Wanted[] }
  | {
      readonly do: 'range';
      readonly range: KeyRange;
      readonly share: number | null;
      readonly limit: number;
      readonly keysOnly: boolean;
    }
  | { readonly do: 'compact'; readonly share: number };

const key = fc.constantFrom(...KEYS);
const value = fc.constantFrom('', 'x', 'é', '😀');
const share = fc.double({ min: 0, max: 1, noNaN: true });
const range: fc.Arbitrary<KeyRange> = fc.record({
  start: fc.constantFrom('', ...KEYS),
  end: fc.constantFrom(...KEYS, '\u{10ffff}'),
});

const compare: fc.Arbitrary<WantedCompare> = fc.oneof(
  fc.record({ target: fc.constantFrom('create', 'mod'), key, share: fc.oneof(share, fc.constant('right' as const)) }),
  fc.record({ target: fc.constant('value' as const), key, equals: value }),
);

const writes: fc.Arbitrary<Write[]> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.uniqueArray(
      fc.oneof(
        fc.record({ op: fc.constant('put' as const), key, value }),
        fc.record({ op: fc.constant('delete' as const), key }),
      ),
      { selector: (write) => write.key, maxLength: 4 },
    ),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('delete_range' as const), range }).map((write) => [write]) },
);

const wanted: fc.Arbitrary<Wanted> = fc.record({
  compares: fc.array(compare, { maxLength: 2 }),
  writes,
  asked: fc.uniqueArray(key, { maxLength: 2 }),
  then: fc.constantFrom('go on', 'pause', 'first answer'),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      together: fc.array(wanted, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('range' as const),
      range,
      share: fc.option(share),
      limit: fc.nat(5),
      keysOnly: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), share }) },
);

const script = fc.record({ steps: fc.array(step, { maxLength: 40, size: 'max' }), watched: range, watchShare: share });
type Script = typeof script extends fc.Arbitrary<infer Value> ? Value : never;

test('memory agrees with the naive model', async () => {
  await fc.assert(
    fc.asyncProperty(script, async (made) => {
      await play(createMemoryStore(), made);
    }),
    { numRuns: 300 },
  );
});

test('lmdb agrees with the naive model', async () => {
  await fc.assert(
    fc.asyncProperty(script, async (made) => {
      await using directory = await temporaryDirectory();
      await play(await openLmdbStore({ directory: directory.path }), made);
    }),
    { numRuns: 40 },
  );
});

async function play(store: StateStore, { steps, watched, watchShare }: Script): Promise<void> {
  const model = new NaiveModel();
  let compacted = 0;
  const ending = new AbortController();
  const events: WatchEvent[] = [];
  const watch = await store.watch(watched, { signal: ending.signal, fromRevision: 1 });
  const reading = (async () => {
    for await (const batch of watch) events.push(...batch.events);
  })();
  for (const one of steps) {
    if (one.do === 'commit') await commitTogether(store, model, one.together);
    else if (one.do === 'range') await compareRanges(store, { model, compacted, one });
    else {
      compacted = Math.max(compacted, Math.round(one.share * model.revision()));
      await store.compact(compacted);
    }
  }
  await compareWatches(store, {
    model,
    compacted,
    range: watched,
    from: 1 + Math.round(watchShare * model.revision()),
  });
  await eventually(() => expect(events).toEqual(eventsOf(model, watched, 1)));
  ending.abort();
  await reading;
  await store.close();
}

/** Started without waiting for answers: later ones are decided on what is staged, or while a flush is under way. */
async function commitTogether(store: StateStore, model: NaiveModel, together: readonly Wanted[]): Promise<void> {
  const pairs = [];
  for (const one of together) {
    const compares = one.compares.map((compare) => resolve(model, compare));
    const transaction: Transaction = { compares, writes: one.writes, readOnFailure: one.asked };
    pairs.push({ actual: store.commit(transaction), wanted: model.commit(transaction) });
    if (one.then === 'pause') await new Promise((resume) => setImmediate(resume));
    if (one.then === 'first answer') await pairs[0]?.actual;
  }
  for (const { actual, wanted } of pairs) expect(await actual).toEqual(wanted);
}

function resolve(model: NaiveModel, compare: WantedCompare): Compare {
  if (compare.target === 'value') return compare;
  const { target, key, share } = compare;
  if (share !== 'right') return { target, key, equals: Math.round(share * model.revision()) };
  const kv = model.states[model.revision()]?.get(key);
  return { target, key, equals: (target === 'create' ? kv?.createRevision : kv?.modRevision) ?? 0 };
}

interface RangeCase {
  readonly model: NaiveModel;
  readonly compacted: number;
  readonly one: Extract<Step, { readonly do: 'range' }>;
}

async function compareRanges(store: StateStore, { model, compacted, one }: RangeCase): Promise<void> {
  const revision = one.share === null ? 0 : Math.round(one.share * model.revision());
  const options = { limit: one.limit, keysOnly: one.keysOnly, revision };
  const actual = store.range(one.range, options);
  if (revision > 0 && revision < compacted) return expect(actual).rejects.toBeInstanceOf(CompactedError);
  expect(await actual).toEqual(model.range(one.range, options));
}

interface WatchCase {
  readonly model: NaiveModel;
  readonly compacted: number;
  readonly range: KeyRange;
  readonly from: number;
}

/** A watch from the past must tell exactly what the model remembers, and end there. */
async function compareWatches(store: StateStore, { model, compacted, range, from }: WatchCase): Promise<void> {
  const ending = new AbortController();
  const opened = store.watch(range, { signal: ending.signal, fromRevision: from });
  if (from < compacted) return expect(opened).rejects.toBeInstanceOf(CompactedError);
  const wanted = eventsOf(model, range, from);
  const actual: WatchEvent[] = [];
  const watch = await opened;
  if (wanted.length > 0) {
    for await (const batch of watch) {
      actual.push(...batch.events);
      if (actual.length >= wanted.length) break;
    }
  }
  ending.abort();
  expect(actual).toEqual(wanted);
}

function eventsOf(model: NaiveModel, { start, end }: KeyRange, from: number): WatchEvent[] {
  const bytes = (text: string) => Buffer.from(text, 'utf8');
  return model.events
    .slice(from)
    .flat()
    .filter((event) => {
      const name = bytes(event.type === 'put' ? event.kv.key : event.key);
      return Buffer.compare(name, bytes(start)) >= 0 && Buffer.compare(name, bytes(end)) < 0;
    });
}
