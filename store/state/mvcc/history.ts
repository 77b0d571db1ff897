// The newest commits, with what each of them replaced: enough to serve a watch from a past revision and a read as of one.
// Bounded by count and by bytes; what falls out is gone, and readers that still want it are told so.
//
// `base` is the last revision whose commit is not held; the commits held are base + 1, base + 2, ... without gaps.
// Reads reach back to `readableFrom`, watches to base + 1. The two differ after `compact(r)`, as they do in etcd: state before
// r is gone, yet the commit r itself can still be watched.

import { invariant } from '../../model/errors.ts';
import type { KeyRange, KeyValue, WatchEvent } from '../port.ts';
import { CompactedError } from '../port.ts';
import { rangeTest } from '../text.ts';
import type { Commit } from './backing.ts';
import { keyOf } from './backing.ts';

export interface HistoryBounds {
  readonly commitsMax: number;
  readonly bytesMax: number;
}

/** Some seconds of a busy control plane: a watcher that is further behind does better to list again. */
export const DEFAULT_HISTORY: HistoryBounds = { commitsMax: 50_000, bytesMax: 32 * 1024 * 1024 };

/** Objects and array slots around the texts of one event; an estimate is enough for a bound. */
const EVENT_OVERHEAD_BYTES = 200;

export interface History {
  push(commit: Commit): void;
  /** Commits from `revision` on that touch the range, reduced to it. Throws CompactedError. */
  since(revision: number, range: KeyRange): Iterable<Commit>;
  /** For each key of the range that changed after `revision`: what it was then. Throws CompactedError. */
  undoTo(revision: number, range: KeyRange): Map<string, KeyValue | null>;
  compact(revision: number): void;
  /** The oldest revision that can be read. */
  readableFrom(): number;
  /** Last revision that is not held any more. */
  base(): number;
}

export function createHistory(startRevision: number, bounds: HistoryBounds): History {
  let commits: Commit[] = [];
  let sizes: number[] = [];
  // Commits before `head` are dropped; the arrays are cut only now and then, so that dropping costs nothing.
  let head = 0;
  let bytes = 0;
  let base = startRevision;
  let readableFrom = startRevision;

  function push(commit: Commit): void {
    invariant('STATE-2', commit.revision === base + (commits.length - head) + 1, 'history has a gap');
    const size = bytesOf(commit);
    commits.push(commit);
    sizes.push(size);
    bytes += size;
    while (commits.length - head > bounds.commitsMax || (bytes > bounds.bytesMax && commits.length - head > 1)) drop();
  }

  function drop(): void {
    bytes -= sizes[head] ?? 0;
    head++;
    base++;
    readableFrom = Math.max(readableFrom, base);
    if (head < 1024 || head * 2 < commits.length) return;
    commits = commits.slice(head);
    sizes = sizes.slice(head);
    head = 0;
  }

  function* since(revision: number, range: KeyRange): Iterable<Commit> {
    if (revision <= base) throw new CompactedError(base + 1);
    const inside = rangeTest(range);
    for (let index = head + revision - base - 1; index < commits.length; index++) {
      const commit = commits[index];
      if (commit === undefined) return;
      const events = commit.events.filter((event) => inside(keyOf(event)));
      if (events.length > 0) yield { ...commit, events };
    }
  }

  function undoTo(revision: number, range: KeyRange): Map<string, KeyValue | null> {
    if (revision < readableFrom) throw new CompactedError(readableFrom);
    const inside = rangeTest(range);
    const undone = new Map<string, KeyValue | null>();
    for (let index = head + revision - base; index < commits.length; index++) {
      commits[index]?.events.forEach((event, position) => {
        const key = keyOf(event);
        if (inside(key) && !undone.has(key)) undone.set(key, commits[index]?.previous[position] ?? null);
      });
    }
    return undone;
  }

  function compact(revision: number): void {
    while (base < revision - 1 && head < commits.length) drop();
    readableFrom = Math.max(readableFrom, revision);
  }

  return { push, since, undoTo, compact, readableFrom: () => readableFrom, base: () => base };
}

function bytesOf(commit: Commit): number {
  let bytes = 0;
  commit.events.forEach((event: WatchEvent, index) => {
    bytes += EVENT_OVERHEAD_BYTES + keyOf(event).length + (commit.previous[index]?.value.length ?? 0);
    if (event.type === 'put') bytes += event.kv.value.length;
  });
  return bytes;
}
