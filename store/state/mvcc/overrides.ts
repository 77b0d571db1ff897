// Reads a range as if some of its keys were different: staged writes laid over durable state, or old values laid over new
// ones. Lazy, so that a page out of a million keys costs a page.

import type { KeyValue } from '../port.ts';
import { compareText } from '../text.ts';

/** `overrides` says what a key is instead (null = absent) and holds only keys of the range that `current` covers. */
export function* withOverrides(
  current: Iterable<KeyValue>,
  overrides: ReadonlyMap<string, KeyValue | null>,
): Iterable<KeyValue> {
  const instead = [...overrides.values()].filter((kv) => kv !== null);
  instead.sort((left, right) => compareText(left.key, right.key));
  let next = 0;
  for (const kv of current) {
    for (let first = instead[next]; first !== undefined && compareText(first.key, kv.key) < 0; first = instead[next]) {
      yield first;
      next++;
    }
    if (!overrides.has(kv.key)) yield kv;
  }
  yield* instead.slice(next);
}
