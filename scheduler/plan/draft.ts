// A plan in the making, as the parts of the planner share it.

import type { Instant, TaskId } from '../../store/model/ids.ts';
import type { RunningRun, TaskExecution } from '../../store/model/run.ts';
import type { Action } from './action.ts';
import type { RunView } from './run-view.ts';

export interface PlanSettings {
  /** Longest time of an attempt; 0 = no limit. */
  readonly taskTimeoutMaxMs: number;
  /** Longest time of a run; 0 = no limit. */
  readonly runTimeoutMaxMs: number;
  /** Between SIGTERM and SIGKILL when a time limit is reached. */
  readonly stopGraceMs: number;
  /** Whether the engine keeps logs that are to be archived. */
  readonly engineKeepsLogs: boolean;
}

/** Look at this task (null: at the run) again, at this time. */
export interface Wake {
  readonly taskId: TaskId | null;
  readonly at: Instant;
}

/** A plan in the making: the view as it will be once the actions so far are carried out. */
export interface Draft {
  readonly view: RunView;
  readonly now: Instant;
  readonly settings: PlanSettings;
  readonly run: () => RunningRun;
  readonly task: (taskId: TaskId) => TaskExecution;
  readonly openParents: (taskId: TaskId) => number;
  /** Whether this very plan starts the task's attempt: then there is nothing to ask an engine about yet. */
  readonly isFresh: (taskId: TaskId) => boolean;
  readonly wake: (wake: Wake) => void;
  readonly act: (action: Action) => void;
}

/** The earlier of two limits, as an instant; 0 = no limit. */
export function deadlineOf(from: Instant, ...limitsMs: readonly number[]): Instant {
  const limit = shortest(...limitsMs);
  return limit === Infinity ? 0 : from + limit;
}

/** Of several limits, of which 0 is none; Infinity = there is no limit. */
export function shortest(...limitsMs: readonly number[]): number {
  return Math.min(Infinity, ...limitsMs.filter((limit) => limit > 0));
}
