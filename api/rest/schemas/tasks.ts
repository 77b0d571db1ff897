// Wire forms of task executions.

import { Type } from 'typebox';
import { Timestamp, Uint64, component, nullable, ref } from './common.ts';
import { Task, Variable } from './configs.ts';
import { RunParams } from './runs.ts';
import { taskState, taskStatus, taskStatusReason } from './statuses.ts';

/** Ours: one earlier start of the task's container. */
export const TaskAttempt = component(
  'TaskAttempt',
  Type.Object({ attempt: Uint64, ended: Timestamp, outcome: Type.String(), started: Timestamp }),
);

export const TaskExecution = component(
  'TaskExecution',
  Type.Object({
    /** Ours: number of the attempt that is shown; 0 = none was started. */
    attempt: Type.Optional(Uint64),
    attempts: Type.Optional(Type.Array(ref(TaskAttempt))),
    /** Ours: the run whose result was taken over; 0 = none. */
    carried_from: Type.Optional(Uint64),
    created: Timestamp,
    ended: Timestamp,
    exit_code: Type.Optional(nullable(Type.Integer({ format: 'uint8', minimum: 0 }))),
    logs_expired: Type.Boolean(),
    logs_removed: Type.Boolean(),
    namespace_id: Type.String(),
    pipeline_id: Type.String(),
    /** Ours: not started again before this time; 0 = no wait. */
    retry_at: Type.Optional(Timestamp),
    run_id: Uint64,
    started: Timestamp,
    state: ref(taskState),
    status: ref(taskStatus),
    status_reason: Type.Optional(nullable(taskStatusReason)),
    task: ref(Task),
    task_id: Type.String(),
    variables: Type.Array(ref(Variable)),
    /** Ours: an image, a machine, an engine that does not answer; '' = nothing in particular. */
    waiting_for: Type.Optional(Type.String()),
  }),
);

export const GetTaskExecutionResponse = component(
  'GetTaskExecutionResponse',
  Type.Object({ task_execution: ref(TaskExecution) }),
);
export const ListTaskExecutionsResponse = component(
  'ListTaskExecutionsResponse',
  Type.Object({ task_executions: Type.Array(ref(TaskExecution)) }),
);

export const TaskParams = Type.Object({ ...RunParams.properties, task_id: Type.String() });
/** Seconds between SIGTERM and SIGKILL. */
export const CancelTaskQuery = Type.Object({ wait_for: Uint64 });

/** Larger tails are the whole log. */
const TAIL_LINES_MAX = 100_000;

/** Ours, all of it: without any, the whole log is sent and then followed to its end. */
export const LogQuery = Type.Object({
  follow: Type.Optional(Type.Boolean()),
  /** Lines. */
  tail: Type.Optional(Type.Integer({ minimum: 0, maximum: TAIL_LINES_MAX })),
  /** Milliseconds since the Unix epoch. */
  since: Type.Optional(Timestamp),
  timestamps: Type.Optional(Type.Boolean()),
  attempt: Type.Optional(Type.Integer({ minimum: 1 })),
  wait: Type.Optional(Type.Boolean()),
});

const TERMINAL_SIDE_MAX = 10_000;
const TerminalSide = Type.Integer({ minimum: 1, maximum: TERMINAL_SIDE_MAX });

export const AttachQuery = Type.Object({
  command: Type.String({ minLength: 1 }),
  /** Ours: size of the terminal. */
  columns: Type.Optional(TerminalSide),
  /** Ours. */
  rows: Type.Optional(TerminalSide),
});
