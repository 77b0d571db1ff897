// How far the clocks of the others are from ours, and what most of them say. Nothing in the cluster relies on clocks that agree; but one
// that is far from all others is wrong.

import type { Instant } from '../store/model/ids.ts';
import type { Heard } from './peers/port.ts';

/** A pulse that was late on its way looks like a clock that is behind; the least delayed of so many tells the truth. */
const SAMPLES = 5;

/** Two clocks that differ: nobody can say which one is wrong. */
const MAJORITY_OF = 3;

export interface ClockOffset {
  readonly name: string;
  /** Positive = its clock is ahead of ours. */
  readonly ms: number;
}

export interface Clocks {
  /** Looks at what was heard last; once a second is often enough. `jumps`: how often our own clock has jumped. */
  sample(heard: readonly Heard[], own: Instant, jumps?: number): void;
  /** By how much the clocks of most are ahead of ours, ours included; null = too few were heard to tell. */
  majority(): number | null;
  /** The one that is furthest away; null = nothing heard. */
  furthest(): ClockOffset | null;
}

export function createClocks(): Clocks {
  let samples = new Map<string, { readonly name: string; readonly offsets: readonly number[] }>();

  let jumpsSeen = 0;

  function sample(heard: readonly Heard[], own: Instant, jumps = 0): void {
    if (jumps !== jumpsSeen) samples = new Map();
    jumpsSeen = jumps;
    const next: typeof samples = new Map();
    for (const { target, pulse, silentMs, broken } of heard) {
      const before = samples.get(target.nodeId)?.offsets ?? [];
      const offsets = pulse === null || broken ? before : [...before, pulse.clock + silentMs - own].slice(-SAMPLES);
      if (offsets.length > 0) next.set(target.nodeId, { name: target.name, offsets });
    }
    samples = next;
  }

  function furthest(): ClockOffset | null {
    let found: ClockOffset | null = null;
    for (const { name, offsets } of samples.values()) {
      const ms = Math.max(...offsets);
      if (found === null || Math.abs(ms) > Math.abs(found.ms)) found = { name, ms };
    }
    return found;
  }

  function majority(): number | null {
    const offsets = [0, ...[...samples.values()].map((each) => Math.max(...each.offsets))];
    if (offsets.length < MAJORITY_OF) return null;
    offsets.sort((left, right) => left - right);
    const [lower = 0, upper = 0] = [
      offsets[Math.ceil(offsets.length / 2) - 1],
      offsets[Math.floor(offsets.length / 2)],
    ];
    // Of an even number two lie in the middle: the one that changes less.
    return Math.abs(lower) < Math.abs(upper) ? lower : upper;
  }

  return { sample, majority, furthest };
}
