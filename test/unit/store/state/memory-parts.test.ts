// The parts of the memory backend: its ordered keys, and the faults that can be put before any store.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withCommitFaults } from '../../../../store/state/memory/faults.ts';
import type { CommitFault } from '../../../../store/state/memory/faults.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import { createSortedEntries } from '../../../../store/state/memory/sorted-entries.ts';
import { KEY_BYTES_MAX } from '../../../../store/state/transaction-check.ts';
import { put } from '../../../conformance/state-world.ts';
import { createVirtualClock } from './virtual-clock.ts';

test('ordered keys: any order of puts and deletes, over many chunks, scans in order', () => {
  const number = fc.integer({ min: 0, max: 3_000 });
  const step = fc.record({ isPut: fc.constantFrom(true, true, false), number });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1_500, maxLength: 4_000, size: 'max' }), number, (steps, from) => {
      const entries = createSortedEntries();
      const wanted = new Set<string>();
      for (const { isPut, number } of steps) {
        const key = String(number).padStart(5, '0');
        if (isPut) entries.put({ key, value: '', createRevision: 1, modRevision: 1, version: 1, lease: '' });
        else entries.delete(key);
        if (isPut) wanted.add(key);
        else wanted.delete(key);
      }
      const start = String(from).padStart(5, '0');
      const scanned = [...entries.scan({ start, end: '02500' })].map((kv) => kv.key);
      expect(scanned).toEqual([...wanted].filter((key) => key >= start && key < '02500').sort());
    }),
    { numRuns: 15 },
  );
});

test('a key that LMDB could not hold is refused here too', async () => {
  const store = createMemoryStore();
  const fits = 'é'.repeat(KEY_BYTES_MAX / 2);
  await store.commit({ compares: [], writes: [put(fits, '')] });
  await expect(store.commit({ compares: [], writes: [put(`${fits}x`, '')] })).rejects.toMatchObject({
    code: 'invalid',
  });
});

describe('faults', () => {
  function faulty(fault: CommitFault) {
    const clock = createVirtualClock();
    const sound = createMemoryStore({ clock });
    const faults: (CommitFault | undefined)[] = [fault];
    const store = withCommitFaults(sound, { clock, decide: () => faults.shift() });
    const transaction = { compares: [], writes: [put('a', '')] };
    return {
      clock,
      store,
      commit: () => store.commit(transaction),
      isThere: async () => (await store.get('a')) !== null,
    };
  }

  test('a refused commit is not there and says so', async () => {
    const { commit, isThere } = faulty({ kind: 'not_applied' });
    await expect(commit()).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
    expect(await isThere()).toBe(false);
  });

  test('a commit whose answer is lost is there when its caller hears of the failure', async () => {
    const { commit, isThere } = faulty({ kind: 'unknown', landsAfterMs: 0 });
    await expect(commit()).rejects.toMatchObject({ code: 'unavailable', outcome: 'unknown' });
    expect(await isThere()).toBe(true);
  });

  test('a commit that is lost on its way looks the same to its caller', async () => {
    const { commit, isThere, clock } = faulty({ kind: 'unknown', landsAfterMs: null });
    await expect(commit()).rejects.toMatchObject({ code: 'unavailable', outcome: 'unknown' });
    await clock.advance(60_000);
    expect(await isThere()).toBe(false);
  });

  test('a commit may land after newer ones were acknowledged', async () => {
    const { commit, store, clock } = faulty({ kind: 'unknown', landsAfterMs: 500 });
    await expect(commit()).rejects.toMatchObject({ outcome: 'unknown' });
    await store.commit({ compares: [], writes: [put('a', 'newer')] });
    await clock.advance(500);
    expect(await store.get('a')).toMatchObject({ value: '', version: 2 });
  });

  test('a slow commit is acknowledged late', async () => {
    const { commit, isThere, clock } = faulty({ kind: 'delay', delayMs: 300 });
    const committing = commit();
    await clock.advance(299);
    expect(await isThere()).toBe(false);
    await clock.advance(1);
    expect(await committing).toMatchObject({ succeeded: true });
  });

  test('the next commit is sound again', async () => {
    const { commit } = faulty({ kind: 'not_applied' });
    await expect(commit()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await commit()).toMatchObject({ succeeded: true });
  });
});
