// Reads runs and their tasks, and shows them: shared by `run …`, `task …` and `fetch`.

import type { Context } from '../context.ts';
import { wholeNumber } from '../parse-arguments.ts';
import { executionListView, executionView, runListView, runView } from '../views/run-views.ts';

/** As commander gives them. */
export interface PageOptions {
  readonly limit: string;
  readonly offset: string;
  /** Newest first. */
  readonly reverse: boolean;
}

export async function showRuns(
  { client, settings, show }: Context,
  pipelineId: string,
  options: PageOptions,
): Promise<void> {
  const limit = wholeNumber('--limit', options.limit);
  const offset = wholeNumber('--offset', options.offset);
  const of = { namespaceId: settings.namespace, pipelineId };
  const { runs } = await client.listRuns({ ...of, limit, offset, reverse: options.reverse });
  // An empty list may also mean that there is no such pipeline, and then it must not look like a quiet one.
  if (runs.length === 0) await client.getPipeline(of);
  show({ json: { runs }, text: runListView(runs) });
}

interface RunPlace {
  readonly pipelineId: string;
  readonly runId: number;
}

export async function showRun({ client, settings, show }: Context, place: RunPlace): Promise<void> {
  const of = { namespaceId: settings.namespace, ...place };
  const [{ run }, { task_executions: executions }] = await Promise.all([
    client.getRun(of),
    client.listTaskExecutions(of),
  ]);
  show({ json: { run, task_executions: executions }, text: runView(run, executions) });
}

export async function showTasks({ client, settings, show }: Context, place: RunPlace): Promise<void> {
  const of = { namespaceId: settings.namespace, ...place };
  const { task_executions: executions } = await client.listTaskExecutions(of);
  if (executions.length === 0) await client.getRun(of);
  show({ json: { task_executions: executions }, text: executionListView(executions) });
}

export async function showTask(
  { client, settings, show }: Context,
  place: RunPlace & { readonly taskId: string },
): Promise<void> {
  const { task_execution: execution } = await client.getTaskExecution({ namespaceId: settings.namespace, ...place });
  show({ json: { task_execution: execution }, text: executionView(execution) });
}
