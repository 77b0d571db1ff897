// How far the clocks of the others are from ours. Only ever reported: nothing in the cluster relies on clocks that agree.

import type { Instant } from '../store/model/ids.ts';
import type { Heard } from './peers/port.ts';

/** A pulse that was late on its way looks like a clock that is behind; the least delayed of so many tells the truth. */
const SAMPLES = 5;

export interface ClockOffset {
  readonly name: string;
  /** Positive = its clock is ahead of ours. */
  readonly ms: number;
}

export interface Clocks {
  /** Looks at what was heard last; once a second is often enough. */
  sample(heard: readonly Heard[], now: Instant): void;
  /** The one that is furthest away; null = nothing heard. */
  furthest(): ClockOffset | null;
}

export function createClocks(): Clocks {
  let samples = new Map<string, { readonly name: string; readonly offsets: readonly number[] }>();

  function sample(heard: readonly Heard[], now: Instant): void {
    const next: typeof samples = new Map();
    for (const { target, pulse, silentMs, broken } of heard) {
      const before = samples.get(target.nodeId)?.offsets ?? [];
      const offsets = pulse === null || broken ? before : [...before, pulse.clock + silentMs - now].slice(-SAMPLES);
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

  return { sample, furthest };
}
