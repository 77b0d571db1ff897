// Turns among nodes that start runs of one pipeline at the same time. All of them move the same counter, so of several transactions one
// succeeds. Whoever is quickest would win again and again, and the others give up; so after a defeat everybody waits a little, by
// chance, before each transaction on that pipeline. What arrives meanwhile shares the next one, so little is lost by it.

import { setTimeout as pause } from 'node:timers/promises';

export interface StartTurns {
  /** Another node was faster. */
  lost(pipeline: string): void;
  /** Before the first transaction of a group, and before each further try. */
  wait(pipeline: string, tries: number): Promise<void>;
}

/** For so long after a defeat others are taken to be at it still. */
const RIVALRY_MS = 1_000;
/** About two transactions of etcd. */
const TURN_MS = 10;
const TURN_MAX_MS = 160;
/** Pipelines that are remembered. */
const RIVALRIES_MAX = 1_000;

export function createStartTurns(): StartTurns {
  const lostAt = new Map<string, number>();

  return {
    lost(pipeline) {
      lostAt.delete(pipeline);
      lostAt.set(pipeline, performance.now());
      const [oldest] = lostAt.keys();
      if (lostAt.size > RIVALRIES_MAX && oldest !== undefined) lostAt.delete(oldest);
    },
    async wait(pipeline, tries) {
      const last = lostAt.get(pipeline);
      // The first try after a defeat knows how things are now: it goes at once.
      if (last === undefined || tries === 1) return;
      if (tries === 0 && performance.now() - last > RIVALRY_MS) {
        lostAt.delete(pipeline);
        return;
      }
      const longest = Math.min(TURN_MAX_MS, TURN_MS * 2 ** Math.max(0, tries - 1));
      await pause(longest * Math.random());
    },
  };
}
