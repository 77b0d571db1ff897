// How runs and task executions are shown.

import type { Answer, View } from '../context.ts';
import { dependencySentences } from '../text/dependencies.ts';
import { renderDetails } from '../text/details.ts';
import { visible } from '../text/display.ts';
import { paintStatus } from '../text/paint.ts';
import { renderTable } from '../text/table.ts';
import { timeoutText, type RunShown, type TaskShown } from './pipeline-views.ts';

interface Variable {
  readonly key: string;
  readonly value: string;
  readonly source: string;
}

export interface FullRun extends RunShown {
  readonly pipeline_id: string;
  readonly pipeline_config_version: number;
  readonly status_reason?: { readonly reason: string; readonly description: string } | null | undefined;
  readonly variables: readonly Variable[];
  readonly token_id?: string | null | undefined;
  readonly store_objects_expired: boolean;
  readonly retry_of?: number | undefined;
}

export interface ExecutionShown {
  readonly pipeline_id: string;
  readonly run_id: number;
  readonly task_id: string;
  readonly task: TaskShown & { readonly image: string; readonly timeout_seconds?: number | undefined };
  readonly created: number;
  readonly started: number;
  readonly ended: number;
  readonly exit_code?: number | null | undefined;
  readonly state: string;
  readonly status: string;
  readonly status_reason?: { readonly reason: string; readonly description: string } | null | undefined;
  readonly variables: readonly Variable[];
  readonly logs_expired: boolean;
  readonly logs_removed: boolean;
  readonly attempt?: number | undefined;
  readonly attempts?: readonly AttemptShown[] | undefined;
  readonly retry_at?: number | undefined;
  readonly waiting_for?: string | undefined;
  readonly carried_from?: number | undefined;
}

interface AttemptShown {
  readonly attempt: number;
  readonly started: number;
  readonly ended: number;
  readonly outcome: string;
}

export function runListView(runs: readonly RunShown[]): Answer['text'] {
  return ({ paint, time, span }) =>
    renderTable(
      {
        columns: ['id', 'started', 'ended', 'duration', 'state', 'status', 'started by'],
        rows: runs.map((run) => [
          String(run.run_id),
          time(run.started),
          time(run.ended, 'still running'),
          span(run),
          run.state,
          run.status,
          run.initiator.user,
        ]),
      },
      paint,
    );
}

export function runView(run: FullRun, executions: readonly ExecutionShown[]): Answer['text'] {
  return (view) =>
    renderDetails(
      {
        title: `Run #${run.run_id} of ${run.pipeline_id} v${run.pipeline_config_version} :: ${run.state} :: ${run.status}`,
        facts: [
          ['Started by', run.initiator.user],
          ['Started', view.time(run.started)],
          ['Duration', view.span(run)],
          ['Reason', run.status_reason?.description],
          ['Retry of', run.retry_of === undefined || run.retry_of === 0 ? null : `run #${run.retry_of}`],
          ['Objects', run.store_objects_expired ? 'expired' : null],
          ['Token', run.token_id],
        ],
        sections: [
          { title: 'Tasks', lines: executions.map((execution) => executionLine(execution, view)) },
          { title: 'Variables', lines: run.variables.map(variableLine) },
        ],
      },
      view.paint,
    );
}

export function executionListView(executions: readonly ExecutionShown[]): Answer['text'] {
  return ({ paint, time, span }) =>
    renderTable(
      {
        columns: ['id', 'started', 'ended', 'duration', 'state', 'status'],
        rows: executions.map((execution) => [
          execution.task_id,
          time(execution.started, 'not started'),
          endedText(execution, time),
          span(execution),
          execution.state,
          execution.status,
        ]),
      },
      paint,
    );
}

export function executionView(execution: ExecutionShown): Answer['text'] {
  const { task, pipeline_id: pipelineId, run_id: runId, task_id: taskId } = execution;
  return ({ paint, time, span }) =>
    renderDetails(
      {
        title: `Task ${taskId} :: ${execution.state} :: ${execution.status}`,
        facts: [
          ['Pipeline', pipelineId],
          ['Run', `#${runId}`],
          ['Description', task.description],
          ['Image', task.image],
          ['Exit code', execution.exit_code],
          ['Reason', execution.status_reason?.description],
          ['Waits for', execution.waiting_for],
          [
            'Next attempt',
            execution.retry_at === undefined || execution.retry_at === 0 ? null : time(execution.retry_at),
          ],
          ['Taken over from', takenOver(execution)],
          ['Depends', dependencySentences(task.depends_on).join('; ')],
          ['Timeout', timeoutText(task.timeout_seconds)],
          ['Created', time(execution.created)],
          ['Started', time(execution.started, 'not started')],
          ['Ended', endedText(execution, time)],
          ['Duration', span(execution)],
          ['Logs', logsText(execution)],
        ],
        sections: [
          { title: 'Attempts', lines: attemptLines(execution, span) },
          { title: 'Variables', lines: execution.variables.map(variableLine) },
        ],
      },
      paint,
    );
}

function executionLine(execution: ExecutionShown, { paint, span }: View): string {
  const { task_id: id, state, status, status_reason: reason } = execution;
  const word = state === 'complete' ? status : state;
  const sentences = dependencySentences(execution.task.depends_on);
  const why = reason === null || reason === undefined ? '' : `: ${visible(reason.description)}`;
  const after = sentences.length === 0 ? '' : ` (${visible(sentences.join('; '))})`;
  return `• ${visible(id)} ${paintStatus(paint, word)}, ${span(execution)}${why}${after}`;
}

/** Never started and yet over: skipped, or cancelled before its turn. */
function endedText({ state, ended }: ExecutionShown, time: View['time']): string {
  return time(ended, state === 'complete' ? 'unknown' : 'not yet');
}

function logsText({
  pipeline_id: pipelineId,
  run_id: runId,
  task_id: taskId,
  ...execution
}: ExecutionShown): string | null {
  if (execution.logs_removed) return 'removed';
  if (execution.logs_expired) return 'expired';
  return execution.started === 0 ? null : `gofer task logs ${pipelineId} ${runId} ${taskId}`;
}

function takenOver({ carried_from: runId }: ExecutionShown): string | null {
  return runId === undefined || runId === 0 ? null : `run #${runId}`;
}

/** A single one says nothing that the task does not say. */
function attemptLines({ attempts = [] }: ExecutionShown, span: View['span']): readonly string[] {
  if (attempts.length < 2) return [];
  return attempts.map((attempt) => visible(`• ${attempt.attempt}: ${attempt.outcome}, ${span(attempt)}`));
}

function variableLine({ key, value, source }: Variable): string {
  return visible(`${key}=${value} (${source})`);
}
