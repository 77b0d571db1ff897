// The engine of nodes under a bench: no bodies, and each submission is written down with its time. Only the leader submits, so that
// every node has a memory of its own.

import { openSync, writeSync } from 'node:fs';
import type { Engine } from '../../scheduler/engines/port.ts';
import { createInstantEngine, createInstantPlace } from '../../scheduler/engines/instant/instant-engine.ts';

/** File to which each line is appended: attempt id, time (ms since the epoch, with fractions). */
export const TOLD_FILE = 'GOFER_BENCH_TOLD';

export function openInstantNode(): Engine {
  const file = openSync(process.env[TOLD_FILE] ?? '/dev/null', 'a');
  const engine = createInstantEngine({
    place: { ...createInstantPlace(), id: 'bench' },
    now: Date.now,
    onBody: (id) => void writeSync(file, `${id} ${performance.timeOrigin + performance.now()}\n`),
  });
  // Whichever node archives: there is nothing that was printed.
  return { ...engine, async *logs() {} };
}
