// Virtual time for a whole cluster: one heap of events ordered by (time, sequence), and the processes that own them.
//
// Everything that a process does happens in an event that it owns, and in the microtasks which follow it: between two events the
// real event loop turns once, so all promises have settled as far as they can. Hence `current` tells, at any moment, whose code runs.
// Processes meet only through links, which put an event into the heap for each message.
//
// A process is alive, paused or dead. What is due to a paused one waits until it goes on, as in a process that was stopped by a
// signal; what is due to a dead one never happens.

import { hashText } from './random.ts';

/** One life of a node: a restart makes another. */
export interface Process {
  readonly name: string;
  /** Counts the lives of the node, from 1. */
  readonly life: number;
  /** How fast its clocks run, against the world's. */
  readonly rate: number;
  readonly bornMs: number;
  /** What its wall clock is wrong by; a jump changes it. */
  wallOffsetMs: number;
  isAlive: boolean;
  isPaused: boolean;
  /** Events that came due during the pause. */
  readonly held: HeapEvent[];
}

interface HeapEvent {
  readonly atMs: number;
  readonly sequence: number;
  readonly owner: Process | null;
  readonly isTimer: boolean;
  run: (() => void) | null;
}

/** Takes the event back, unless it has happened. */
export type Cancel = () => void;

export interface Universe {
  readonly nowMs: number;
  /** Whose code runs now; null = the world's. */
  readonly current: Process | null;
  readonly events: number;
  /** Hash of everything that was noted; equal for equal histories. */
  readonly traceHash: number;
  after(delayMs: number, owner: Process | null, run: () => void): Cancel;
  /** As `after`, for what a process asked of its own clock. */
  timer(delayMs: number, owner: Process | null, run: () => void): Cancel;
  pause(process: Process): void;
  resume(process: Process, timersFirst: boolean): void;
  kill(process: Process): void;
  /** Puts a line into the trace. */
  note(line: () => string): void;
  /** Until `isOver` says so, or nothing is left to happen. `afterEach` sees the world between two events. */
  run(isOver: () => boolean, afterEach: () => void): Promise<void>;
  /** Code of the world that is not in an event, such as its set-up. */
  settle(): Promise<void>;
}

/** The first instant of every simulated world: 2026-03-01T12:00:00Z. */
export const WORLD_BEGINS = 1_772_366_400_000;

/** Taken before the globals are replaced. */
const realSetImmediate = setImmediate;

export function createUniverse(onNote: ((atMs: number, line: string) => void) | null): Universe {
  return new World(onNote);
}

class World implements Universe {
  nowMs = 0;
  current: Process | null = null;
  events = 0;
  traceHash = 0x811c9dc5;
  readonly #heap: HeapEvent[] = [];
  readonly #onNote: ((atMs: number, line: string) => void) | null;
  #sequence = 0;

  constructor(onNote: ((atMs: number, line: string) => void) | null) {
    this.#onNote = onNote;
  }

  after(delayMs: number, owner: Process | null, run: () => void): Cancel {
    return this.#schedule({ delayMs, owner, isTimer: false }, run);
  }

  timer(delayMs: number, owner: Process | null, run: () => void): Cancel {
    return this.#schedule({ delayMs: delayMs / (owner?.rate ?? 1), owner, isTimer: true }, run);
  }

  #schedule(when: { delayMs: number; owner: Process | null; isTimer: boolean }, run: () => void): Cancel {
    const { delayMs, owner, isTimer } = when;
    const event: HeapEvent = {
      atMs: this.nowMs + Math.max(0, delayMs),
      sequence: (this.#sequence += 1),
      owner,
      isTimer,
      run,
    };
    if (owner?.isAlive === false) return () => undefined;
    push(this.#heap, event);
    return () => (event.run = null);
  }

  pause(process: Process): void {
    process.isPaused = true;
  }

  /** What waited happens now, in its order; whether timers or answers come first is the kernel's to decide, so it is drawn. */
  resume(process: Process, timersFirst: boolean): void {
    process.isPaused = false;
    const held = process.held.splice(0);
    const first = held.filter((event) => event.isTimer === timersFirst);
    const second = held.filter((event) => event.isTimer !== timersFirst);
    for (const { owner, isTimer, run } of [...first, ...second]) {
      if (run !== null) push(this.#heap, { atMs: this.nowMs, sequence: (this.#sequence += 1), owner, isTimer, run });
    }
  }

  kill(process: Process): void {
    process.isAlive = false;
    process.isPaused = false;
    process.held.length = 0;
  }

  note(line: () => string): void {
    const text = line();
    this.traceHash = hashText(`${this.nowMs.toFixed(3)} ${text}`, this.traceHash);
    this.#onNote?.(this.nowMs, text);
  }

  run(isOver: () => boolean, afterEach: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          this.current = null;
          afterEach();
          if (isOver() || !this.#next()) resolve();
          else realSetImmediate(step);
        } catch (error) {
          this.current = null;
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      realSetImmediate(step);
    });
  }

  settle(): Promise<void> {
    return new Promise((resolve) => realSetImmediate(resolve));
  }

  /** False when nothing is left to happen. */
  #next(): boolean {
    for (;;) {
      const event = pop(this.#heap);
      if (event === undefined) return false;
      const { owner, run } = event;
      if (run === null || owner?.isAlive === false) continue;
      this.nowMs = event.atMs;
      if (owner?.isPaused === true) {
        owner.held.push(event);
        continue;
      }
      this.events += 1;
      this.current = owner;
      event.run = null;
      run();
      return true;
    }
  }
}

function isBefore(left: HeapEvent, right: HeapEvent): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.sequence < right.sequence);
}

function push(heap: HeapEvent[], event: HeapEvent): void {
  let child = heap.length;
  heap.push(event);
  while (child > 0) {
    const parent = (child - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(event, above)) break;
    heap[child] = above;
    child = parent;
  }
  heap[child] = event;
}

function pop(heap: HeapEvent[]): HeapEvent | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return top;
  let parent = 0;
  for (;;) {
    let child = 2 * parent + 1;
    const left = heap[child];
    const right = heap[child + 1];
    if (left === undefined) break;
    if (right !== undefined && isBefore(right, left)) child += 1;
    const smaller = heap[child];
    if (smaller === undefined || !isBefore(smaller, last)) break;
    heap[parent] = smaller;
    parent = child;
  }
  heap[parent] = last;
  return top;
}
