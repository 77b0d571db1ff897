// What every backend refuses before it looks at a single key, so that all of them refuse the same things.

import { AppError } from '../model/errors.ts';
import type { KeyRange, StoreLimits, Transaction, Write } from './port.ts';
import { compareText, isLongerThanBytes, rangeTest } from './text.ts';

/** LMDB's bound with pages of 4 KiB. Our own keys stay far below it; the memory backend keeps it too, to be a fair stand-in. */
export const KEY_BYTES_MAX = 1978;

/** Throws AppError('invalid') for what no store can take, 'limit' for what is too large for this one. */
export function checkTransaction(transaction: Transaction, limits: StoreLimits): void {
  const { compares, writes, readOnFailure = [] } = transaction;
  const operations = Math.max(compares.length, writes.length, readOnFailure.length);
  if (operations > limits.operationsMax) {
    throw new AppError('limit', `A transaction has ${operations} operations; the most is ${limits.operationsMax}.`);
  }
  for (const compare of compares) checkKey(compare.key);
  for (const key of readOnFailure) checkKey(key);
  for (const write of writes) checkWrite(write);
  checkBytes(transaction, limits);
  checkOverlaps(writes);
}

export function checkKey(key: string): void {
  if (key === '') throw new AppError('invalid', 'A key is empty.');
  checkText(key);
}

export function checkRange(range: KeyRange): void {
  checkText(range.start);
  checkText(range.end);
}

function checkText(key: string): void {
  if (isLongerThanBytes(key, KEY_BYTES_MAX)) {
    throw new AppError('invalid', `A key is longer than ${KEY_BYTES_MAX} bytes: ${key.slice(0, 60)}...`);
  }
  if (!key.isWellFormed()) throw new AppError('invalid', 'A key is not well-formed Unicode.');
}

function checkWrite(write: Write): void {
  switch (write.op) {
    case 'put':
      checkKey(write.key);
      if (!write.value.isWellFormed()) throw new AppError('invalid', 'A value is not well-formed Unicode.');
      return;
    case 'delete':
      return checkKey(write.key);
    case 'delete_range':
      return checkRange(write.range);
  }
}

function checkBytes({ compares, writes }: Transaction, limits: StoreLimits): void {
  let units = 0;
  for (const text of texts(compares, writes)) units += text.length;
  // Three bytes a unit at the most: nearly every transaction is let through by its length alone.
  if (units * 3 <= limits.bytesMax) return;
  let bytes = 0;
  for (const text of texts(compares, writes)) bytes += Buffer.byteLength(text);
  if (bytes <= limits.bytesMax) return;
  throw new AppError('limit', `A transaction has ${bytes} bytes; the most is ${limits.bytesMax}.`);
}

function* texts(compares: Transaction['compares'], writes: readonly Write[]): Iterable<string> {
  for (const compare of compares) {
    yield compare.key;
    if (compare.target === 'value') yield compare.equals;
  }
  for (const write of writes) {
    if (write.op === 'delete_range') continue;
    yield write.key;
    if (write.op === 'put') yield write.value;
  }
}

function checkOverlaps(writes: readonly Write[]): void {
  const keys = new Set<string>();
  const ranges: KeyRange[] = [];
  for (const write of writes) {
    if (write.op === 'delete_range') ranges.push(write.range);
    else if (keys.size === keys.add(write.key).size) throw writtenTwice(write.key);
  }
  if (ranges.length === 0) return;
  ranges.sort((left, right) => compareText(left.start, right.start));
  let lastEnd = '';
  for (const range of ranges) {
    if (compareText(range.start, lastEnd) < 0) throw writtenTwice(range.start);
    lastEnd = range.end;
    const inside = rangeTest(range);
    for (const key of keys) if (inside(key)) throw writtenTwice(key);
  }
}

function writtenTwice(key: string): AppError {
  return new AppError('invalid', `A transaction writes a key twice: ${key.slice(0, 200)}`);
}
