// Instants at which something has to be looked at again, soonest first. The truth is in the records: a lost wake-up costs time
// until the next re-list, and one too many costs a look.

import type { Instant, TaskId } from '../../store/model/ids.ts';

export interface DueWake {
  readonly at: Instant;
  readonly run: string;
  readonly taskId: TaskId | null;
}

export interface WakeHeap {
  push(wake: DueWake): void;
  /** Takes all that are due at `now`. */
  due(now: Instant): DueWake[];
  /** The soonest instant; null when empty. */
  next(): Instant | null;
}

/** A binary heap: with thousands of deadlines in flight a sorted list would be quadratic. */
export function createWakeHeap(): WakeHeap {
  const heap: DueWake[] = [];
  const at = (index: number) => heap[index]?.at ?? Number.POSITIVE_INFINITY;

  function swap(left: number, right: number): void {
    const [a, b] = [heap[left], heap[right]];
    if (a === undefined || b === undefined) return;
    heap[left] = b;
    heap[right] = a;
  }

  function up(from: number): void {
    for (let child = from; child > 0;) {
      const parent = (child - 1) >> 1;
      if (at(parent) <= at(child)) return;
      swap(parent, child);
      child = parent;
    }
  }

  function down(): void {
    for (let parent = 0; ;) {
      const left = 2 * parent + 1;
      const child = at(left + 1) < at(left) ? left + 1 : left;
      if (at(child) >= at(parent)) return;
      swap(parent, child);
      parent = child;
    }
  }

  function pop(): DueWake | undefined {
    const top = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      heap[0] = last;
      down();
    }
    return top;
  }

  return {
    push: (wake) => {
      heap.push(wake);
      up(heap.length - 1);
    },
    due: (now) => {
      const found: DueWake[] = [];
      while (at(0) <= now) {
        const wake = pop();
        if (wake !== undefined) found.push(wake);
      }
      return found;
    },
    next: () => heap[0]?.at ?? null,
  };
}
