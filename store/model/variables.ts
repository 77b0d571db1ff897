// The environment of a task, before placeholders are resolved: three layers, of which a later one replaces an earlier one
// when keys are equal ignoring case (spec 4.6, 4.7). Never stored: it follows from the config and the run.

import type { TaskSpec, Variable } from './config.ts';
import type { RunKey } from './ids.ts';

export interface VariableContext {
  readonly run: RunKey & { readonly variables: readonly Variable[] };
  readonly task: Pick<TaskSpec, 'id' | 'image' | 'variables'>;
  /** Where the task reaches the API; '' = not told. */
  readonly apiBaseUrl: string;
}

/** In the order system, pipeline_config, run_options; each key is spelled as in the layer that won. */
export function taskVariables({ run, task, apiBaseUrl }: VariableContext): readonly Variable[] {
  const merged = new Map<string, Variable>();
  for (const layer of [systemVariables(run, task, apiBaseUrl), task.variables, run.variables]) {
    for (const variable of layer) {
      if (variable.key !== '') merged.set(variable.key.toLowerCase(), variable);
    }
  }
  return [...merged.values()];
}

function systemVariables(run: RunKey, task: Pick<TaskSpec, 'id' | 'image'>, apiBaseUrl: string): readonly Variable[] {
  const values: readonly (readonly [string, string])[] = [
    ['GOFER_NAMESPACE', run.namespaceId],
    ['GOFER_PIPELINE_ID', run.pipelineId],
    ['GOFER_RUN_ID', String(run.runId)],
    ['GOFER_TASK_ID', task.id],
    ['GOFER_TASK_IMAGE', task.image],
    ['GOFER_API_BASE_URL', apiBaseUrl],
  ];
  return values.filter(([, value]) => value !== '').map(([key, value]) => ({ key, value, source: 'system' }));
}
