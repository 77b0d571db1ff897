// The order of keys.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareText, isLongerThanBytes, rangeTest } from '../../../../store/state/text.ts';

/** Well-formed text with many characters around the places where UTF-16 and UTF-8 part. */
const character = fc.constantFrom('', 'a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}', '😀');
const text = fc.array(character, { maxLength: 5 }).map((parts) => parts.join(''));
const bytes = (of: string) => Buffer.from(of, 'utf8');

test('text is compared as its UTF-8 bytes', () => {
  fc.assert(
    fc.property(text, text, (left, right) => {
      expect(Math.sign(compareText(left, right))).toBe(Buffer.compare(bytes(left), bytes(right)));
    }),
    { numRuns: 2_000 },
  );
});

test('a key lies in a range when its bytes do', () => {
  fc.assert(
    fc.property(text, text, text, (start, key, end) => {
      const inside = Buffer.compare(bytes(key), bytes(start)) >= 0 && Buffer.compare(bytes(key), bytes(end)) < 0;
      expect(rangeTest({ start, end })(key)).toBe(inside);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ['abc', 3, false],
  ['abcd', 3, true],
  ['éé', 4, false],
  ['éé', 3, true],
  ['😀', 4, false],
  ['😀', 3, true],
])('%s against %i bytes', (value, limit, longer) => expect(isLongerThanBytes(value, limit)).toBe(longer));
