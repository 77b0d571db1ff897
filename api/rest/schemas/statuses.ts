// States, statuses and reasons of runs and task executions (spec 4.1, 5.1): closed lists on the wire.

import { Type } from 'typebox';
import { component, ref, words } from './common.ts';

export const runState = component('run_state', words('unknown', 'pending', 'running', 'complete'));
export const runStatus = component('run_status', words('unknown', 'failed', 'successful', 'cancelled'));
export const runStatusReasonType = component(
  'run_status_reason_type',
  words('unknown', 'abnormal_exit', 'scheduler_error', 'failed_precondition', 'user_cancelled', 'admin_cancelled'),
);
export const runStatusReason = component(
  'run_status_reason',
  Type.Object({ description: Type.String(), reason: ref(runStatusReasonType) }),
);

export const taskState = component(
  'task_execution_state',
  words('complete', 'unknown', 'processing', 'waiting', 'running'),
);
export const taskStatus = component(
  'task_execution_status',
  words('unknown', 'failed', 'successful', 'cancelled', 'skipped'),
);
export const taskStatusReasonType = component(
  'task_execution_status_reason_type',
  words('unknown', 'abnormal_exit', 'scheduler_error', 'failed_precondition', 'cancelled', 'orphaned'),
);
export const taskStatusReason = component(
  'task_execution_status_reason',
  Type.Object({ description: Type.String(), reason: ref(taskStatusReasonType) }),
);
