import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWakeHeap } from '../../../../scheduler/loop/wake-heap.ts';

test('wake heap: gives what is due, soonest first, and keeps the rest', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000)), fc.nat(1_000), (instants, now) => {
      const heap = createWakeHeap();
      for (const at of instants) heap.push({ at, run: 'r', taskId: null });
      const sorted = [...instants].sort((left, right) => left - right);
      expect(heap.due(now).map(({ at }) => at)).toEqual(sorted.filter((at) => at <= now));
      expect(heap.next()).toBe(sorted.find((at) => at > now) ?? null);
      expect(heap.due(1_000).map(({ at }) => at)).toEqual(sorted.filter((at) => at > now));
    }),
  );
});
