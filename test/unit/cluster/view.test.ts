// The view of the cluster's records follows the store through every order in which lists and watches can come.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createStoreLine } from '../../../cluster/store-line.ts';
import { CLUSTER_TIMINGS } from '../../../cluster/timings.ts';
import { createClusterView, nextSuccession } from '../../../cluster/view.ts';
import type { ClusterView, Succession } from '../../../cluster/view.ts';
import { sightOf } from '../../../cluster/sight.ts';
import type { Sight } from '../../../cluster/sight.ts';
import { createBell } from '../../../cluster/waiting.ts';
import { keys } from '../../../store/keys.ts';
import { drainRecord } from '../../../store/records/cluster-records.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import type { RangeResult, StateStore, WatchBatch } from '../../../store/state/port.ts';

const SILENT = { info: () => undefined, warn: () => undefined };

describe('view', () => {
  const leaving = new AbortController();
  let state: StateStore;
  let stop: AbortController;
  beforeEach(() => {
    vi.useFakeTimers();
    state = createMemoryStore({ defer: queueMicrotask });
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await vi.advanceTimersByTimeAsync(10_000);
    vi.useRealTimers();
  });

  function follow(through: StateStore): ClusterView {
    const monotonicMs = () => performance.now();
    const line = createStoreLine({ state: through, timings: CLUSTER_TIMINGS, monotonicMs });
    const view = createClusterView({
      line,
      timings: CLUSTER_TIMINGS,
      monotonicMs,
      log: SILENT,
      onEvent: () => undefined,
    });
    view.follow(stop.signal).catch(() => undefined);
    return view;
  }
  async function drain(name: string): Promise<void> {
    const value = drainRecord.encode({ since: 1, by: 'test' });
    await state.commit({ compares: [], writes: [{ op: 'put', key: keys.drain(name), value }] });
  }
  async function undrain(name: string): Promise<void> {
    await state.commit({ compares: [], writes: [{ op: 'delete', key: keys.drain(name) }] });
  }
  const drained = (view: ClusterView) => [...view.sight().drained];

  test('what happens is seen at once, and rings', async () => {
    const view = follow(state);
    await vi.advanceTimersByTimeAsync(10);
    const bell = createBell();
    const silence = view.tell(bell);
    await drain('a');
    await bell.wait(60_000, leaving.signal);
    expect(drained(view)).toEqual([keys.drain('a')]);
    await undrain('a');
    await bell.wait(60_000, leaving.signal);
    expect(drained(view)).toEqual([]);
    silence();
  });

  test('a watch that tells nothing is made up for by the next list', async () => {
    async function* nothing(): AsyncIterable<WatchBatch> {
      await new Promise(() => undefined);
      yield { events: [], revision: 0 };
    }
    const view = follow({ ...bound(state), watch: () => Promise.resolve(nothing()) });
    await vi.advanceTimersByTimeAsync(10);
    await drain('a');
    await vi.advanceTimersByTimeAsync(2_600);
    expect(drained(view)).toEqual([keys.drain('a')]);
  });

  test('a list that is older than what is known changes nothing', async () => {
    let frozen: RangeResult | null = null;
    const view = follow({
      ...bound(state),
      range: async (range, options) => frozen ?? state.range(range, options),
    });
    await vi.advanceTimersByTimeAsync(10);
    frozen = await state.range(keys.cluster());
    await drain('a');
    await vi.advanceTimersByTimeAsync(10);
    await view.refresh();
    expect(drained(view)).toEqual([keys.drain('a')]);
  });

  test('events that a list has overtaken are not brought back', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    /** Late, and the deletion later still. */
    async function* held(batches: AsyncIterable<WatchBatch>): AsyncIterable<WatchBatch> {
      await gate;
      for await (const { events, revision } of batches) {
        yield { events: events.filter(({ type }) => type === 'put'), revision };
      }
    }
    const view = follow({ ...bound(state), watch: async (...args) => held(await state.watch(...args)) });
    await vi.advanceTimersByTimeAsync(10);
    await drain('a');
    await undrain('a');
    await view.refresh();
    open();
    await vi.advanceTimersByTimeAsync(10);
    expect(drained(view)).toEqual([]);
    await drain('b');
    await vi.advanceTimersByTimeAsync(10);
    expect(drained(view)).toEqual([keys.drain('b')]);
  });

  test('history that is compacted away costs nothing', async () => {
    const view = follow(state);
    await vi.advanceTimersByTimeAsync(10);
    for (let write = 0; write < 5; write++) {
      await state.commit({ compares: [], writes: [{ op: 'put', key: 'x', value: `${write}` }] });
    }
    await state.compact((await state.range(keys.cluster())).revision);
    await drain('a');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(drained(view)).toEqual([keys.drain('a')]);
  });

  function bound(store: StateStore): StateStore {
    return {
      limits: store.limits,
      range: (range, options) => store.range(range, options),
      get: (key) => store.get(key),
      commit: (transaction) => store.commit(transaction),
      watch: (range, options) => store.watch(range, options),
      grantLease: (ttlSeconds) => store.grantLease(ttlSeconds),
      keepLease: (id) => store.keepLease(id),
      revokeLease: (id) => store.revokeLease(id),
      compact: (revision) => store.compact(revision),
      close: () => store.close(),
    };
  }
});

describe('succession', () => {
  const led = (term: number): Sight['leader'] => {
    return { term, lease: 'x', claim: { name: 'l', nodeId: `l-${term}`, nonce: '', lease: 'x' } };
  };
  const ordered = (term: number, to: string | null): Sight['transfer'] => {
    return { order: { term, to, askedAt: 1 }, modRevision: 1 };
  };
  const before: Succession = { term: 5, nodeId: 'l-5', sinceMs: 100, vacantSinceMs: null, handedTo: undefined };
  const empty = sightOf(new Map(), 1);

  test.each([
    { name: 'nobody has led', was: null, now: {}, wanted: null },
    { name: 'the first leader', was: null, now: { leader: led(5) }, wanted: { ...before, sinceMs: 900 } },
    { name: 'the same leader', was: before, now: { leader: led(5) }, wanted: before },
    { name: 'it is gone', was: before, now: {}, wanted: { ...before, vacantSinceMs: 900 } },
    {
      name: 'it is gone for longer',
      was: { ...before, vacantSinceMs: 500 },
      now: {},
      wanted: { ...before, vacantSinceMs: 500 },
    },
    {
      name: 'a transfer is ordered',
      was: before,
      now: { leader: led(5), transfer: ordered(5, 'b') },
      wanted: { ...before, handedTo: 'b' },
    },
    {
      name: 'the order was taken up',
      was: { ...before, handedTo: 'b' },
      now: { leader: led(5) },
      wanted: { ...before, handedTo: 'b' },
    },
    {
      name: 'the order was for another term',
      was: before,
      now: { leader: led(5), transfer: ordered(4, 'b') },
      wanted: before,
    },
    {
      name: 'the next leader: the order is history',
      was: { ...before, handedTo: 'b', vacantSinceMs: 500 },
      now: { leader: led(8) },
      wanted: { ...before, term: 8, nodeId: 'l-8', sinceMs: 900 },
    },
  ])('$name', ({ was, now, wanted }) => {
    expect(nextSuccession(was, { ...empty, ...now }, 900)).toEqual(wanted);
  });
});
