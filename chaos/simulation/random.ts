// Chance that a seed replays: one stream for each purpose (network, faults, workload, ids), so that a draw more in one of them
// does not shift the others.

export interface Chance {
  /** From 0 (included) to 1 (excluded). */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  /** A number from `low` to `high`. */
  between(low: number, high: number): number;
  happens(probability: number): boolean;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** 32 lower-case hex digits. */
  hex(): string;
}

/** sfc32: small, fast, and passes the usual test batteries. */
export function createChance(seed: number, purpose: string): Chance {
  let a = 0x9e3779b9 ^ hashText(purpose);
  let b = 0x243f6a88 ^ seed;
  let c = 0xb7e15162 ^ Math.floor(seed / 2 ** 32);
  let counter = 1;

  function word(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  }

  /** Mixes the seed into all of the state: seeds that lie side by side must not begin alike. */
  for (let round = 0; round < 15; round += 1) word();

  const next = () => word() / 2 ** 32;
  return {
    next,
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    between: (low, high) => low + next() * (high - low),
    happens: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
    hex: () => [word(), word(), word(), word()].map((part) => part.toString(16).padStart(8, '0')).join(''),
  };
}

/** FNV-1a, 32 bits. */
export function hashText(text: string, from = 0x811c9dc5): number {
  let hash = from;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
