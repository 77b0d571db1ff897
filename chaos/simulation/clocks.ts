// What a process of the simulation reads and is woken by instead of the machine's: timers, both clocks, chance. Installed once in
// the simulation's own process and never anywhere else; code under test needs no change and knows nothing of it.
//
// Replaced: setTimeout, setInterval, setImmediate and their clear functions, timers/promises, performance.now, Date, Math.random,
// crypto's randomUUID and randomBytes, AbortSignal.timeout. Microtasks and process.nextTick stay real: the world waits for them.

import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import type { Chance } from './random.ts';
import type { Cancel, Process, Universe } from './universe.ts';
import { WORLD_BEGINS } from './universe.ts';

export interface Clocks {
  /** From here on all code lives in this world. */
  enter(universe: Universe, ids: Chance): void;
}

/** An event loop that turns without end must still let time pass. */
const IMMEDIATE_MS = 0.01;

const RealDate = Date;

interface Place {
  universe: Universe | null;
  ids: Chance | null;
}

export function monotonicMs(universe: Universe, process: Process | null): number {
  if (process === null) return universe.nowMs;
  return (universe.nowMs - process.bornMs) * process.rate;
}

export function wallMs(universe: Universe, process: Process | null): number {
  const drift = process === null ? 0 : (universe.nowMs - process.bornMs) * (process.rate - 1) + process.wallOffsetMs;
  return Math.round(WORLD_BEGINS + universe.nowMs + drift);
}

export function installClocks(): Clocks {
  const place: Place = { universe: null, ids: null };
  replaceTimers(place);
  replaceClocks(place);
  replaceChance(place);
  syncBuiltinESMExports();
  return {
    enter: (universe, ids) => {
      place.universe = universe;
      place.ids = ids;
    },
  };
}

function universeOf({ universe }: Place): Universe {
  if (universe === null) throw new Error('there is no world yet: a timer or a clock was used outside of a simulation');
  return universe;
}

/** What `setTimeout` returns; Node's has these methods too. */
class Timer {
  readonly #start: () => Cancel;
  #cancel: Cancel;

  constructor(start: () => Cancel) {
    this.#start = start;
    this.#cancel = start();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.#cancel();
    this.#cancel = this.#start();
    return this;
  }

  close(): void {
    this.#cancel();
  }
}

function replaceTimers(place: Place): void {
  const startTimer = (run: () => void, delayMs: number) => {
    const universe = universeOf(place);
    const owner = universe.current;
    return new Timer(() => universe.timer(Math.max(1, delayMs), owner, run));
  };
  const clear = (timer: unknown) => {
    if (timer instanceof Timer) timer.close();
  };
  const setImmediateHere = (run: (...values: unknown[]) => void, ...values: unknown[]) => {
    const universe = universeOf(place);
    const owner = universe.current;
    return new Timer(() => universe.after(IMMEDIATE_MS, owner, () => run(...values)));
  };
  Object.assign(globalThis, {
    setTimeout: (run: (...values: unknown[]) => void, delayMs = 1, ...values: unknown[]) =>
      startTimer(() => run(...values), delayMs),
    setInterval: (run: (...values: unknown[]) => void, delayMs = 1, ...values: unknown[]) => {
      const timer: Timer = startTimer(() => {
        timer.refresh();
        run(...values);
      }, delayMs);
      return timer;
    },
    setImmediate: setImmediateHere,
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  });
  Object.assign(timersPromises, { setTimeout: promisedTimeout, setImmediate: promisedImmediate });
  Object.defineProperty(AbortSignal, 'timeout', { value: signalAfter });
}

function promisedTimeout(
  delayMs?: number,
  value?: unknown,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new DOMException('The operation was aborted', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    }, delayMs);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

function promisedImmediate(value?: unknown): Promise<unknown> {
  return new Promise((resolve) => setImmediate(() => resolve(value)));
}

function signalAfter(delayMs: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException('The operation timed out', 'TimeoutError')), delayMs);
  return controller.signal;
}

function replaceClocks(place: Place): void {
  const now = () => {
    const universe = universeOf(place);
    return wallMs(universe, universe.current);
  };
  Object.defineProperty(performance, 'now', {
    value: () => {
      const universe = universeOf(place);
      return monotonicMs(universe, universe.current);
    },
  });
  class VirtualDate extends RealDate {
    /** Our code makes dates from nothing or from one value. */
    constructor(value?: number | string | Date) {
      super(value ?? now());
    }

    static override now(): number {
      return now();
    }
  }
  Object.assign(globalThis, { Date: VirtualDate });
}

function replaceChance(place: Place): void {
  const ids = () => {
    if (place.ids === null) throw new Error('there is no world yet: a random id was drawn outside of a simulation');
    return place.ids;
  };
  Object.assign(Math, { random: () => ids().next() });
  Object.assign(crypto, {
    randomUUID: () => {
      const hex = ids().hex();
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
    },
    randomBytes: (size: number) => {
      let hex = '';
      while (hex.length < size * 2) hex += ids().hex();
      return Buffer.from(hex.slice(0, size * 2), 'hex');
    },
  });
}
