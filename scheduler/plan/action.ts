// The closed list of what the planner can decide. An action that changes a record carries the new record whole, so that
// carrying it out needs no further decision; `explain` says each one as a sentence, for golden tests and for the log.

import type { EventKind } from '../../store/model/event.ts';
import type { TaskId } from '../../store/model/ids.ts';
import type {
  CompleteRun,
  CompleteTask,
  PendingRun,
  ProcessingTask,
  RunningRun,
  RunningTask,
  WaitingTask,
} from '../../store/model/run.ts';

export type Action =
  /** Take a new run into the queue: it gets its event. */
  | { readonly type: 'queue_run'; readonly run: PendingRun }
  | { readonly type: 'start_run'; readonly run: RunningRun }
  | { readonly type: 'cancel_run'; readonly run: RunningRun }
  | { readonly type: 'time_out_run'; readonly run: RunningRun }
  | { readonly type: 'finish_run'; readonly run: CompleteRun }
  /** An ask has been honoured, or came too late: its record goes. */
  | { readonly type: 'settle_ask'; readonly key: string }
  /** Commit the intent, then submit to the engine. */
  | { readonly type: 'start_attempt'; readonly task: ProcessingTask }
  | { readonly type: 'confirm_running'; readonly task: RunningTask }
  | { readonly type: 'note_delay'; readonly task: ProcessingTask }
  /** Commit the wish, then tell the engine to stop the body. */
  | { readonly type: 'stop_attempt'; readonly task: ProcessingTask | RunningTask }
  /** `closes`: the attempt that ended with this; what the engine still holds of it is archived and let go. 0 = none. */
  | { readonly type: 'retry_later'; readonly task: WaitingTask; readonly closes: number }
  | { readonly type: 'complete_task'; readonly task: CompleteTask; readonly closes: number }
  /** The end of a wait was written by a clock that was ahead. */
  | { readonly type: 'correct_time'; readonly task: WaitingTask | RunningTask }
  | { readonly type: 'correct_time'; readonly run: RunningRun }
  /** Effects only: nothing is written. */
  | { readonly type: 'look_up'; readonly taskId: TaskId; readonly attempt: number }
  | { readonly type: 'submit_again'; readonly taskId: TaskId; readonly attempt: number }
  | { readonly type: 'stop_again'; readonly taskId: TaskId; readonly attempt: number; readonly graceMs: number };

/** One sentence, without ids that change from run to run. */
export function explain(action: Action): string {
  switch (action.type) {
    case 'queue_run':
      return 'take the run into the queue';
    case 'start_run':
      return 'start the run';
    case 'cancel_run':
      return `cancel the run, with ${seconds(action.run.cancel?.graceMs ?? 0)} of grace`;
    case 'time_out_run':
      return 'end the run: its time is up';
    case 'finish_run':
      return `finish the run as ${action.run.status}${because(action.run.statusReason)}`;
    case 'settle_ask':
      return 'settle an ask';
    case 'start_attempt':
      return `start attempt ${action.task.attempt} of ${action.task.taskId}`;
    case 'confirm_running':
      return `note that ${action.task.taskId} runs`;
    case 'note_delay':
      return `note that ${action.task.taskId} waits: ${action.task.note}`;
    case 'stop_attempt':
      return `stop ${action.task.taskId} (${action.task.stop?.cause ?? 'no cause'}), with ${seconds(action.task.stop?.graceMs ?? 0)} of grace`;
    case 'retry_later':
      return `let ${action.task.taskId} wait for attempt ${action.task.past.length + 1}`;
    case 'correct_time':
      return `correct a time of ${'task' in action ? action.task.taskId : 'the run'}: a clock was ahead`;
    case 'complete_task':
      return `complete ${action.task.taskId} as ${action.task.status}${because(action.task.statusReason)}`;
    case 'look_up':
      return `ask the engine about attempt ${action.attempt} of ${action.taskId}`;
    case 'submit_again':
      return `submit attempt ${action.attempt} of ${action.taskId} again`;
    case 'stop_again':
      return `tell the engine again to stop ${action.taskId}`;
  }
}

/** The events that an action makes, in order (spec 8.3). */
export function eventsOf(action: Action): readonly EventKind[] {
  switch (action.type) {
    case 'queue_run':
      return [{ queued_run: ofRun(action.run) }];
    case 'start_run':
      return [{ started_run: ofRun(action.run) }];
    case 'cancel_run':
      return [{ started_run_cancellation: ofRun(action.run) }];
    case 'finish_run':
      return [{ completed_run: { ...ofRun(action.run), status: action.run.status } }];
    case 'confirm_running':
      return [{ started_task_execution: ofTask(action.task) }];
    case 'stop_attempt': {
      const { stop } = action.task;
      if (stop?.cause !== 'cancel') return [];
      return [
        { started_task_execution_cancellation: { ...ofTask(action.task), timeout: Math.ceil(stop.graceMs / 1000) } },
      ];
    }
    case 'complete_task':
      return [{ completed_task_execution: { ...ofTask(action.task), status: action.task.status } }];
    case 'time_out_run':
    case 'settle_ask':
    case 'start_attempt':
    case 'note_delay':
    case 'retry_later':
    case 'correct_time':
    case 'look_up':
    case 'submit_again':
    case 'stop_again':
      return [];
  }
}

function ofRun({ namespaceId, pipelineId, runId }: PendingRun | RunningRun | CompleteRun) {
  return { namespace_id: namespaceId, pipeline_id: pipelineId, run_id: runId };
}

function ofTask({ namespaceId, pipelineId, runId, taskId }: ProcessingTask | RunningTask | CompleteTask) {
  return { namespace_id: namespaceId, pipeline_id: pipelineId, run_id: runId, task_execution_id: taskId };
}

function because(reason: { readonly description: string } | null): string {
  return reason === null ? '' : `: ${reason.description}`;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
