import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rankOf } from '../../../../scheduler/loop/share-work.ts';

const members = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 9 });

test('all who share a piece of work have ranks of their own, from 0, whatever order they see each other in', () => {
  fc.assert(
    fc.property(fc.string(), members, (key, sharers) => {
      const ranks = sharers.map((nodeId) => rankOf({ key, nodeId, sharers: sharers.toReversed() }));
      expect(ranks.toSorted()).toEqual(sharers.map((_, at) => at));
    }),
  );
});

test('when a member goes, only its share moves', () => {
  fc.assert(
    fc.property(fc.string(), members, (key, sharers) => {
      const gone = sharers[0] ?? '';
      const left = sharers.slice(1);
      const first = (all: readonly string[]) => all.find((nodeId) => rankOf({ key, nodeId, sharers: all }) === 0);
      if (first(sharers) !== gone) expect(first(left)).toBe(first(sharers));
    }),
  );
});

test('shares are about equal', () => {
  const sharers = ['a', 'b', 'c'];
  const own = Array.from({ length: 3_000 }, (_, at) => rankOf({ key: `archive/${at}`, nodeId: 'a', sharers }));
  const firsts = own.filter((rank) => rank === 0).length;
  expect(firsts).toBeGreaterThan(850);
  expect(firsts).toBeLessThan(1_150);
});

test('who takes no part has no rank', () => {
  expect(rankOf({ key: 'x', nodeId: 'd', sharers: ['a', 'b'] })).toBeNull();
  expect(rankOf({ key: 'x', nodeId: 'd', sharers: [] })).toBeNull();
});
