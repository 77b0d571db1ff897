// Runs and task executions on the wire.

import { Type } from 'typebox';
import { Nullable, Uint64, words } from './common.ts';
import { Task, Variable } from './pipelines.ts';

const RunReason = Type.Object({
  reason: words(
    'unknown',
    'abnormal_exit',
    'scheduler_error',
    'failed_precondition',
    'user_cancelled',
    'admin_cancelled',
  ),
  description: Type.String(),
});

export const Run = Type.Object(
  {
    namespace_id: Type.String(),
    pipeline_id: Type.String(),
    pipeline_config_version: Uint64,
    run_id: Uint64,
    started: Uint64,
    ended: Uint64,
    state: words('unknown', 'pending', 'running', 'complete'),
    status: words('unknown', 'failed', 'successful', 'cancelled'),
    status_reason: Nullable(RunReason),
    initiator: Type.Object({ id: Type.String(), user: Type.String() }),
    variables: Type.Array(Variable),
    token_id: Nullable(Type.String()),
    store_objects_expired: Type.Boolean(),
    event_id: Nullable(Type.String()),
    /** Ours: when it left the queue, 0 = not yet; and the run whose failed tasks it repeats. */
    execution_started: Type.Optional(Uint64),
    retry_of: Type.Optional(Uint64),
  },
  { title: 'Run' },
);

const TaskReason = Type.Object({
  reason: words('unknown', 'abnormal_exit', 'scheduler_error', 'failed_precondition', 'cancelled', 'orphaned'),
  description: Type.String(),
});

const AttemptInfo = Type.Object({
  attempt: Uint64,
  started: Uint64,
  ended: Uint64,
  outcome: Type.String(),
});

export const TaskExecution = Type.Object(
  {
    namespace_id: Type.String(),
    pipeline_id: Type.String(),
    run_id: Uint64,
    task_id: Type.String(),
    task: Task,
    created: Uint64,
    started: Uint64,
    ended: Uint64,
    exit_code: Nullable(Type.Integer({ minimum: 0, maximum: 255 })),
    logs_expired: Type.Boolean(),
    logs_removed: Type.Boolean(),
    state: words('unknown', 'processing', 'waiting', 'running', 'complete'),
    status: words('unknown', 'failed', 'successful', 'cancelled', 'skipped'),
    status_reason: Nullable(TaskReason),
    variables: Type.Array(Variable),
    /** Ours. */
    attempt: Type.Optional(Uint64),
    attempts: Type.Optional(Type.Array(AttemptInfo)),
    retry_at: Type.Optional(Uint64),
    waiting_for: Type.Optional(Type.String()),
    carried_from: Type.Optional(Uint64),
  },
  { title: 'TaskExecution' },
);
