// `gofer fetch [pipeline] [run] [task]`: looks at anything by saying where it is. A `+` lists what is at its place.

import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { action, describeWith, type Host } from '../host.ts';
import { runNumber } from '../parse-arguments.ts';
import { showPipeline, showPipelines } from '../show/pipelines.ts';
import { addPageOptions } from './page-options.ts';
import { showRun, showRuns, showTask, showTasks, type PageOptions } from '../show/runs.ts';

/** Stands for all. */
const ALL = '+';

export function defineFetch(command: Command, host: Host): void {
  describeWith(command, {
    summary: 'Look at anything: pipelines, one pipeline, its runs, one run, its tasks, one task',
    examples: [
      'gofer fetch                      all pipelines',
      'gofer fetch hello                the pipeline hello',
      'gofer fetch hello +              its runs',
      'gofer fetch hello 7              run 7',
      'gofer fetch hello 7 +            its tasks',
      'gofer fetch hello 7 say-hello    one of them',
    ],
  })
    .argument('[pipeline]', 'pipeline id, or + for all')
    .argument('[run]', 'number of a run, or + for all')
    .argument('[task]', 'task id, or + for all');
  addPageOptions(command).action(action(host, fetchPlace));
}

async function fetchPlace(
  context: Context,
  pipelineId: string | undefined,
  ...[run, task, options]: [string | undefined, string | undefined, PageOptions]
): Promise<void> {
  if (pipelineId === undefined || pipelineId === ALL) return showPipelines(context);
  if (run === undefined) return showPipeline(context, pipelineId);
  if (run === ALL) return showRuns(context, pipelineId, options);
  const place = { pipelineId, runId: runNumber(run) };
  if (task === undefined) return showRun(context, place);
  return task === ALL ? showTasks(context, place) : showTask(context, { ...place, taskId: task });
}
