// From the model to the wire: task executions. Pure.

import type { Static } from 'typebox';
import type { AttemptEnd, TaskExecution } from '../../../store/model/run.ts';
import type { ShownTask } from '../../operations/tasks.ts';
import type * as schema from '../schemas/tasks.ts';
import { wireTask } from './configs.ts';

type WireTaskExecution = Static<typeof schema.TaskExecution>;

export function wireTaskExecution({ execution, spec, variables }: ShownTask): WireTaskExecution {
  const complete = execution.state === 'complete' ? execution : null;
  return {
    namespace_id: execution.namespaceId,
    pipeline_id: execution.pipelineId,
    run_id: execution.runId,
    task_id: execution.taskId,
    task: wireTask(spec),
    created: execution.created,
    started: startedAt(execution),
    ended: complete?.ended ?? 0,
    exit_code: complete?.exitCode ?? null,
    logs_expired: complete?.logs === 'expired',
    logs_removed: complete?.logs === 'removed' || complete?.logs === 'expired',
    state: execution.state,
    status: complete?.status ?? 'unknown',
    status_reason: complete?.statusReason ? { ...complete.statusReason } : null,
    variables: variables.map((variable) => ({ ...variable })),
    attempt: attemptOf(execution),
    attempts: execution.past.map(({ attempt, startedAt: started, endedAt, end }) => ({
      attempt,
      started,
      ended: endedAt,
      outcome: outcomeOf(end),
    })),
    retry_at: execution.state === 'waiting' ? execution.retryAt : 0,
    waiting_for: execution.state === 'processing' ? execution.note : '',
    carried_from: complete?.carriedFrom ?? 0,
  };
}

function startedAt(execution: TaskExecution): number {
  return execution.state === 'running' || execution.state === 'complete' ? execution.startedAt : 0;
}

function attemptOf(execution: TaskExecution): number {
  if (execution.state === 'processing' || execution.state === 'running') return execution.attempt;
  return execution.past.length;
}

function outcomeOf(end: AttemptEnd): string {
  switch (end.kind) {
    case 'exited':
      return `exit code ${end.code}`;
    case 'signalled':
      return `ended by ${end.signal}`;
    case 'out_of_memory':
      return 'out of memory';
    case 'not_started':
      return `not started: ${end.why}`;
    case 'lost':
      return `lost: ${end.why}`;
  }
}
