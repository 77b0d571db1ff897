// Which lines of a log were shown already. A log whose stream broke is read again from its beginning; within one stream of the task
// its order is always the same, but standard output and error may be woven together in another way. So lines are skipped by their
// number up to a window of the last ones, and by their text within it.

import { createHash } from 'node:crypto';

/** How far the weaving may differ between two readings. */
const WINDOW_LINES = 10_000;

/** Longer lines are remembered by their hash. */
const KEPT_CHARACTERS = 64;

export interface LineMemory {
  /** The log is read from its beginning from here on. */
  readonly restart: () => void;
  /** Whether this line is to be shown; it counts as shown from then on. */
  readonly isNew: (line: string) => boolean;
  readonly count: () => number;
}

export function createLineMemory(window = WINDOW_LINES): LineMemory {
  /** The last lines, as a ring. */
  const recent: string[] = [];
  let shown = 0;
  let skip = 0;
  let expected = new Map<string, number>();

  const remember = (name: string) => {
    recent[shown % window] = name;
    shown += 1;
  };
  return {
    restart() {
      skip = Math.max(0, shown - window);
      expected = new Map();
      for (const name of recent) expected.set(name, (expected.get(name) ?? 0) + 1);
    },
    isNew(line) {
      if (skip > 0) {
        skip -= 1;
        return false;
      }
      const name = nameOf(line);
      const left = expected.get(name) ?? 0;
      if (left === 0) {
        remember(name);
        return true;
      }
      if (left === 1) expected.delete(name);
      else expected.set(name, left - 1);
      return false;
    },
    count: () => shown,
  };
}

function nameOf(line: string): string {
  return line.length <= KEPT_CHARACTERS ? line : createHash('sha1').update(line).digest('base64');
}
