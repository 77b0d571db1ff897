// A run and its task executions: one type per state, joined by `state`.
//
// A run is pending (accepted, waiting for its turn), running (tasks may start), or complete (final, never changes).
// A task execution is waiting (its parents, its retry time or its turn are due), processing (the intent to start attempt
// n is committed; the engine may or may not have heard of it), running (the engine said that the body started), or
// complete. A task without a record is waiting: records appear with the first transition.

import type { Variable } from './config.ts';
import type { EventId, Instant, RunKey, TaskKey } from './ids.ts';

export type RunStatus = 'unknown' | 'successful' | 'failed' | 'cancelled';
export type RunReason =
  'unknown' | 'abnormal_exit' | 'scheduler_error' | 'failed_precondition' | 'user_cancelled' | 'admin_cancelled';
export type TaskStatus = 'unknown' | 'successful' | 'failed' | 'cancelled' | 'skipped';
export type TaskReason =
  'unknown' | 'abnormal_exit' | 'scheduler_error' | 'failed_precondition' | 'cancelled' | 'orphaned';

export interface StatusReason<R extends string> {
  readonly reason: R;
  readonly description: string;
}

export interface Initiator {
  readonly id: string;
  readonly user: string;
}

/** A wish to end something early. `graceMs` 0 = kill at once. */
export interface CancelWish {
  readonly askedAt: Instant;
  readonly graceMs: number;
  readonly by: string;
}

interface RunFacts extends RunKey {
  readonly configVersion: number;
  /** Creation time; the wire calls it `started`. */
  readonly created: Instant;
  readonly variables: readonly Variable[];
  readonly initiator: Initiator;
  /** Id of the run's `queued_run` event; null until the leader has taken it up. */
  readonly eventId: EventId | null;
  readonly tokenId: string | null;
  readonly storeObjectsExpired: boolean;
  /** Run whose failed tasks this one repeats: what was successful there is not started again. 0 = none. */
  readonly retryOf: number;
}

export interface PendingRun extends RunFacts {
  readonly state: 'pending';
}

export interface RunningRun extends RunFacts {
  readonly state: 'running';
  readonly startedAt: Instant;
  /** Absolute end of the run's allowed time. */
  readonly deadline: Instant;
  readonly cancel: CancelWish | null;
  readonly timedOut: boolean;
}

export interface CompleteRun extends RunFacts {
  readonly state: 'complete';
  /** 0 when it never started. */
  readonly startedAt: Instant;
  readonly ended: Instant;
  readonly status: Exclude<RunStatus, 'unknown'>;
  readonly statusReason: StatusReason<RunReason> | null;
}

export type Run = PendingRun | RunningRun | CompleteRun;

/** How an attempt ended, as far as the engine could tell. */
export type AttemptEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'out_of_memory' }
  /** The body never ran and never will: image or command missing, refused by the engine. */
  | { readonly kind: 'not_started'; readonly why: string }
  /** What happened cannot be known; it is never started a second time under the same id. */
  | { readonly kind: 'lost'; readonly why: string };

export interface PastAttempt {
  readonly attempt: number;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
  readonly end: AttemptEnd;
}

/** Why we stop a body that still runs. */
export type StopCause = 'cancel' | 'task_timeout' | 'run_timeout';

export interface StopIntent {
  readonly cause: StopCause;
  readonly askedAt: Instant;
  readonly graceMs: number;
}

/**
 * Where the log of a task execution's attempts is found. none: no body ever ran; engine: still there, to be archived; empty: the
 * last attempt printed nothing, so there is no archive of it.
 */
export type LogPlace = 'none' | 'engine' | 'archived' | 'empty' | 'removed' | 'expired';

interface TaskFacts extends TaskKey {
  readonly created: Instant;
  /** Earlier attempts, oldest first. */
  readonly past: readonly PastAttempt[];
}

export interface WaitingTask extends TaskFacts {
  readonly state: 'waiting';
  /** Not before this instant; 0 = as soon as the parents allow. */
  readonly retryAt: Instant;
}

export interface ProcessingTask extends TaskFacts {
  readonly state: 'processing';
  readonly attempt: number;
  readonly intentAt: Instant;
  readonly stop: StopIntent | null;
  /** What it waits for (an image, a machine, an engine that does not answer); '' = nothing in particular. */
  readonly note: string;
}

export interface RunningTask extends TaskFacts {
  readonly state: 'running';
  readonly attempt: number;
  readonly intentAt: Instant;
  readonly startedAt: Instant;
  /** Absolute end of the attempt's allowed time. */
  readonly deadline: Instant;
  readonly stop: StopIntent | null;
}

export interface CompleteTask extends TaskFacts {
  readonly state: 'complete';
  readonly status: TaskStatus;
  readonly statusReason: StatusReason<TaskReason> | null;
  /** 0 to 255. */
  readonly exitCode: number;
  /** Start of the last attempt's body; 0 when none ever started. */
  readonly startedAt: Instant;
  readonly ended: Instant;
  readonly logs: LogPlace;
  /** Set when a retried run took the result over instead of running the task. 0 = none. */
  readonly carriedFrom: number;
}

export type TaskExecution = WaitingTask | ProcessingTask | RunningTask | CompleteTask;
