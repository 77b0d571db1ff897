// The part of the state suite that is about watches.

import { expect, test } from 'vitest';
import type { StateStore } from '../../store/state/port.ts';
import { CompactedError, prefixRange } from '../../store/state/port.ts';
import { eventually } from '../eventually.ts';
import { freshKeys, put, record, remove, told, write } from './state-world.ts';

export function watchTests(store: () => StateStore): void {
  followTests(store);
  resumeTests(store);
  endTests(store);
}

function followTests(store: () => StateStore): void {
  test('a watch tells puts and deletes after it is in place, in their order', async () => {
    const { at, all } = freshKeys();
    await write(store(), put(at('a'), 'before'));
    const watch = await record(store(), all);
    await write(store(), put(at('a'), '1'));
    await write(store(), put(at('b'), '2'));
    await write(store(), remove(at('a')));
    await eventually(() => expect(told(watch.events())).toHaveLength(3));
    expect(told(watch.events())).toEqual([`put ${at('a')}=1`, `put ${at('b')}=2`, `delete ${at('a')}`]);
    watch.stop();
  });

  test('an event carries the whole entry, a delete its revision', async () => {
    const { at, all } = freshKeys();
    const watch = await record(store(), all);
    await write(store(), put(at('a'), '1'));
    await write(store(), put(at('a'), '2'));
    const kv = await store().get(at('a'));
    const deleted = await write(store(), remove(at('a')));
    await eventually(() => expect(watch.events()).toHaveLength(3));
    expect(watch.events().slice(1)).toEqual([
      { type: 'put', kv },
      { type: 'delete', key: at('a'), modRevision: deleted },
    ]);
    watch.stop();
  });

  test('a watch tells only of its range', async () => {
    const { at } = freshKeys();
    const watch = await record(store(), prefixRange(at('b/')));
    await write(store(), put(at('a'), ''), put(at('b/1'), 'in'), put(at('c'), ''));
    await write(store(), put(at('b'), ''));
    await write(store(), { op: 'delete_range', range: prefixRange(at('')) });
    await write(store(), put(at('b/end'), ''));
    await eventually(() => expect(told(watch.events())).toContain(`put ${at('b/end')}=`));
    expect(told(watch.events())).toEqual([`put ${at('b/1')}=in`, `delete ${at('b/1')}`, `put ${at('b/end')}=`]);
    watch.stop();
  });

  test('the events of one commit come together, and a batch tells how far it reaches', async () => {
    const { at, all } = freshKeys();
    const watch = await record(store(), all);
    const first = await write(store(), put(at('a'), '1'), put(at('b'), '1'), put(at('c'), '1'));
    const second = await write(store(), { op: 'delete_range', range: all });
    await eventually(() => expect(watch.events()).toHaveLength(6));
    const revisions = watch.events().map((event) => (event.type === 'put' ? event.kv.modRevision : event.modRevision));
    expect(revisions).toEqual([first, first, first, second, second, second]);
    expect(watch.batches.at(-1)?.revision).toBeGreaterThanOrEqual(second);
    for (const { events, revision } of watch.batches) {
      for (const event of events)
        expect(event.type === 'put' ? event.kv.modRevision : event.modRevision).toBeLessThanOrEqual(revision);
    }
    watch.stop();
  });

  test('watches do not disturb each other', async () => {
    const { at, all } = freshKeys();
    const one = await record(store(), all);
    const other = await record(store(), all);
    await write(store(), put(at('a'), '1'));
    await eventually(() => expect(one.events()).toHaveLength(1));
    one.stop();
    expect(await one.over).toBeNull();
    await write(store(), put(at('b'), '2'));
    await eventually(() => expect(told(other.events())).toEqual([`put ${at('a')}=1`, `put ${at('b')}=2`]));
    expect(one.events()).toHaveLength(1);
    other.stop();
  });
}

function resumeTests(store: () => StateStore): void {
  test('a watch from a past revision begins with what happened since', async () => {
    const { at, all } = freshKeys();
    await write(store(), put(at('a'), '1'));
    const second = await write(store(), put(at('a'), '2'));
    await write(store(), remove(at('a')));
    const watch = await record(store(), all, second);
    await write(store(), put(at('b'), '3'));
    await eventually(() => expect(watch.events()).toHaveLength(3));
    expect(told(watch.events())).toEqual([`put ${at('a')}=2`, `delete ${at('a')}`, `put ${at('b')}=3`]);
    watch.stop();
  });

  test('a watch from a future revision begins there', async () => {
    const { at, all } = freshKeys();
    const now = await write(store(), put(at('a'), '0'));
    const watch = await record(store(), all, now + 3);
    for (const value of ['1', '2', '3', '4']) await write(store(), put(at('a'), value));
    await eventually(() => expect(told(watch.events())).toEqual([`put ${at('a')}=3`, `put ${at('a')}=4`]));
    watch.stop();
  });

  test('list, then watch from its revision + 1: nothing is missed and nothing comes twice, under load', async () => {
    const { at, all } = freshKeys();
    const writer = (async () => {
      for (let n = 0; n < 300; n++) await write(store(), put(at(`k${n % 7}`), String(n)));
    })();
    const list = await store().range(all);
    const watch = await record(store(), all, list.revision + 1);
    const state = new Map(list.kvs.map((kv) => [kv.key, kv.modRevision]));
    await writer;
    const wanted = await store().range(all);
    await eventually(() => {
      for (const event of watch.events()) if (event.type === 'put') state.set(event.kv.key, event.kv.modRevision);
      expect(state).toEqual(new Map(wanted.kvs.map((kv) => [kv.key, kv.modRevision])));
    });
    const revisions = watch.events().map((event) => (event.type === 'put' ? event.kv.modRevision : 0));
    expect(revisions).toEqual(revisions.map((_, index) => list.revision + 1 + index));
    watch.stop();
  });

  test('a watch that was left can be taken up after its last batch', async () => {
    const { at, all } = freshKeys();
    const first = await record(store(), all);
    for (let n = 0; n < 5; n++) await write(store(), put(at('a'), String(n)));
    await eventually(() => expect(first.events()).toHaveLength(5));
    first.stop();
    await first.over;
    for (let n = 5; n < 8; n++) await write(store(), put(at('a'), String(n)));
    const second = await record(store(), all, (first.batches.at(-1)?.revision ?? 0) + 1);
    await eventually(() => expect(told(second.events())).toEqual([5, 6, 7].map((n) => `put ${at('a')}=${n}`)));
    second.stop();
  });

  test('a watch from before the compacted revision fails with CompactedError', async () => {
    const { at, all } = freshKeys();
    const old = await write(store(), put(at('a'), '1'));
    for (const value of ['2', '3']) await write(store(), put(at('a'), value));
    await store().compact(old + 2);
    // A backend may find out when the watch is made or when it is first read.
    const outcome = await record(store(), all, old).then(
      (watch) => watch.over,
      (error: unknown) => error,
    );
    expect(outcome).toBeInstanceOf(CompactedError);
    expect(outcome).toHaveProperty('compactRevision');
  });

  test('a watch from just after the compacted revision is whole', async () => {
    const { at, all } = freshKeys();
    const old = await write(store(), put(at('a'), '1'));
    for (const value of ['2', '3']) await write(store(), put(at('a'), value));
    await store().compact(old);
    const watch = await record(store(), all, old + 1);
    await eventually(() => expect(told(watch.events())).toEqual([`put ${at('a')}=2`, `put ${at('a')}=3`]));
    watch.stop();
  });
}

function endTests(store: () => StateStore): void {
  test('a watch ends normally when its signal aborts while it waits', async () => {
    const watch = await record(store(), freshKeys().all);
    watch.stop();
    expect(await watch.over).toBeNull();
  });

  test('a watch whose signal is aborted already ends at once', async () => {
    const watch = await store().watch(freshKeys().all, { signal: AbortSignal.abort() });
    expect(await watch[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
  });

  test('a reader may leave its loop', async () => {
    const { at, all } = freshKeys();
    const watch = await store().watch(all, { signal: new AbortController().signal });
    await write(store(), put(at('a'), '1'));
    for await (const { events } of watch) {
      expect(told(events)).toEqual([`put ${at('a')}=1`]);
      break;
    }
    await write(store(), put(at('a'), '2'));
  });

  test('a watch that waits does not outlive the store', async () => {
    const watch = await record(store(), freshKeys().all);
    await store().close();
    const outcome = await watch.over;
    if (outcome !== null) expect(outcome).toMatchObject({ name: 'AppError', code: 'unavailable' });
  });
}
