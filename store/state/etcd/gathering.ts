// Calls that may share one request. While fewer than `lanes` requests are under way each goes out at once, so nothing is slower when
// there is little to do; what comes meanwhile waits, and goes out together.

import { AppError } from '../../model/errors.ts';

export interface GatheringOptions<Item> {
  /** Requests under way at the same time. */
  readonly lanes: number;
  /** How many of the waiting ones, from the first on, go into one request; at least one. */
  readonly cut: (waiting: readonly Item[]) => number;
  /** Answers each of them. Never throws. */
  readonly send: (items: readonly Item[]) => Promise<void>;
  /** Tells one that it did not go out. */
  readonly refuse: (item: Item, error: AppError) => void;
}

/** A store that hangs must not fill the memory; those that wait longer than this would find nobody waiting for their answer. */
const WAITING_MAX = 20_000;
const WAIT_MS = 3_000;

interface Waiting<Item> {
  readonly item: Item;
  readonly since: number;
}

export class Gathering<Item> {
  readonly #options: GatheringOptions<Item>;
  #waiting: Waiting<Item>[] = [];
  #underWay = 0;
  #isAwake = false;

  constructor(options: GatheringOptions<Item>) {
    this.#options = options;
  }

  add(item: Item): void {
    if (this.#waiting.length >= WAITING_MAX) return this.#options.refuse(item, overloaded());
    this.#waiting.push({ item, since: performance.now() });
    if (this.#isAwake) return;
    this.#isAwake = true;
    // What is asked for in one turn goes out together.
    queueMicrotask(() => {
      this.#isAwake = false;
      this.#go();
    });
  }

  #go(): void {
    const { lanes, cut, send } = this.#options;
    this.#dropLate();
    while (this.#underWay < lanes && this.#waiting.length > 0) {
      const items = this.#waiting.slice(0, LOOK_MAX).map(({ item }) => item);
      const now = items.slice(0, cut(items));
      this.#waiting = this.#waiting.slice(now.length);
      this.#underWay += 1;
      const over = () => {
        this.#underWay -= 1;
        this.#go();
      };
      send(now).then(over, over);
    }
  }

  #dropLate(): void {
    const since = performance.now() - WAIT_MS;
    while (this.#waiting[0] !== undefined && this.#waiting[0].since < since) {
      const late = this.#waiting.shift();
      if (late !== undefined) this.#options.refuse(late.item, overloaded());
    }
  }
}

/** No request takes more. */
const LOOK_MAX = 128;

function overloaded(): AppError {
  return new AppError('unavailable', 'The state store does not keep up.', { outcome: 'not_applied' });
}
