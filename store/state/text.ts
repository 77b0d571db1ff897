// Keys are ordered by their UTF-8 bytes, as etcd and LMDB do it; JavaScript compares UTF-16 units. The two differ only between
// surrogates and the units from U+E000 on, so native comparison does nearly all of the work.

import type { KeyRange } from './port.ts';

declare global {
  interface String {
    /** ES2024; every Node that we run on has it. */
    isWellFormed(): boolean;
  }
}

const SURROGATES_FROM = 0xd800;
const SURROGATES_END = 0xe000;
/** Text without units from U+D800 on: native order and UTF-8 order agree on it, whatever it is compared with. */
const PLAIN = /^[\u0000-\ud7ff]*$/;

/** Negative, zero or positive, by UTF-8 bytes. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const native = left < right ? -1 : 1;
  if (PLAIN.test(left) || PLAIN.test(right)) return native;
  const end = Math.min(left.length, right.length);
  for (let index = 0; index < end; index++) {
    const difference = utf8Rank(left.charCodeAt(index)) - utf8Rank(right.charCodeAt(index));
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Surrogates stand for code points above all others, so they rank last. */
function utf8Rank(unit: number): number {
  if (unit < SURROGATES_FROM) return unit;
  return unit < SURROGATES_END ? unit + 0x10000 : unit;
}

/** Tells whether a key lies in the range; made once per range, since it is asked once per event. */
export function rangeTest(range: KeyRange): (key: string) => boolean {
  const { start, end } = range;
  if (PLAIN.test(start) && PLAIN.test(end)) return (key) => key >= start && key < end;
  return (key) => compareText(key, start) >= 0 && compareText(key, end) < 0;
}

/** At most three bytes a unit: the exact count is needed only near the limit. */
export function isLongerThanBytes(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}
