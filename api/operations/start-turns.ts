// Turns among nodes that start runs of one pipeline at the same time. All of them move the same counter, so of several transactions one
// succeeds. Whoever is quickest would win again and again, and the others give up. So who knows of others waits a little, by chance,
// before its next group; who has just been defeated knows how things are at this moment, and goes at once. What arrives during the wait
// shares a transaction, so little is lost by it.

import { setTimeout as pause } from 'node:timers/promises';

export interface StartTurns {
  /** Another node was faster. */
  lost(pipeline: string): void;
  /** Before the first transaction of a group. */
  wait(pipeline: string): Promise<void>;
}

/** For so long after a defeat others are taken to be at it still. */
const RIVALRY_MS = 1_000;
/** About two transactions of etcd, so that each of a few others finds a gap. */
const TURN_MAX_MS = 12;
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
    async wait(pipeline) {
      const last = lostAt.get(pipeline);
      if (last === undefined) return;
      if (performance.now() - last > RIVALRY_MS) lostAt.delete(pipeline);
      else await pause(TURN_MAX_MS * Math.random());
    },
  };
}
