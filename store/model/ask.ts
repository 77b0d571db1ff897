// What an API node asks of the leader about a run. An ask is a record: it waits durably for a leader, and the leader removes
// it in the very commit that honours it, so it takes effect exactly once, or not at all when the run had ended by then.

import type { Instant, TaskId } from './ids.ts';

export type Ask =
  | {
      readonly kind: 'cancel_run';
      readonly askedAt: Instant;
      /** Time between SIGTERM and SIGKILL for bodies that run; 0 = kill at once. */
      readonly graceMs: number;
      readonly by: string;
    }
  | {
      readonly kind: 'cancel_task';
      readonly taskId: TaskId;
      readonly askedAt: Instant;
      readonly graceMs: number;
      readonly by: string;
    };
