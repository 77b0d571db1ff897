// Task executions (spec 5). A task without a record is waiting, or was never reached in a run that is over: what the API shows of it
// follows from the config and the run.

import { keys } from '../../store/keys.ts';
import type { PipelineConfig, TaskSpec, Variable } from '../../store/model/config.ts';
import { AppError } from '../../store/model/errors.ts';
import { isTaskId, parseTaskId } from '../../store/model/ids.ts';
import type { TaskId } from '../../store/model/ids.ts';
import type { Run, TaskExecution } from '../../store/model/run.ts';
import { taskVariables } from '../../store/model/variables.ts';
import { configRecord } from '../../store/records/pipeline-records.ts';
import { askRecord, runRecord, taskRecord } from '../../store/records/run-records.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation, RequestContext } from './operation.ts';
import { canExist, notFound, runOf } from './parse-place.ts';
import type { RunPlace, TaskPlace } from './parse-place.ts';
import { findRecord, listRecords, needRecord } from './store-pages.ts';

/** A task execution with all that its wire form shows. */
export interface ShownTask {
  readonly execution: TaskExecution;
  readonly spec: TaskSpec;
  readonly variables: readonly Variable[];
}

export interface TaskCancellation extends TaskPlace {
  /** Seconds between SIGTERM and SIGKILL. */
  readonly waitForSeconds: number;
}

export function createTaskOperations(deps: ApiDeps) {
  const resources = ['namespaces', 'pipelines', 'runs', 'task_executions'] as const;
  return {
    listTasks: {
      operationId: 'list_task_executions',
      needs: { resources, action: 'read' },
      run: (input) => listTasks(deps, input),
    } satisfies Operation<RunPlace, ShownTask[]>,

    getTask: {
      operationId: 'get_task_execution',
      needs: { resources, action: 'read' },
      run: (input) => getTask(deps, input),
    } satisfies Operation<TaskPlace, ShownTask>,

    cancelTask: {
      operationId: 'cancel_task_execution',
      needs: { resources, action: 'delete' },
      run: (input, context) => cancelTask(deps, input, context),
    } satisfies Operation<TaskCancellation, void>,
  };
}

/** In the order of the config. An unknown run has no tasks (spec 1.3). */
async function listTasks(deps: ApiDeps, input: RunPlace): Promise<ShownTask[]> {
  const run = canExist(input) ? await findRecord(deps.state, keys.run(runOf(input)), runRecord) : null;
  if (run === null) return [];
  const config = await configOf(deps, run.value);
  const records = await listRecords(deps.state, keys.tasksOf(run.value), taskRecord);
  const byId = new Map(records.map((record) => [record.taskId, record]));
  return config.tasks.map((spec) => shown(deps, { run: run.value, spec, record: byId.get(spec.id) ?? null }));
}

export async function getTask(deps: ApiDeps, input: TaskPlace): Promise<ShownTask> {
  const { value: run } = await needRecord(deps.state, keys.run(runOf(input)), runRecord);
  const config = await configOf(deps, run);
  const spec = config.tasks.find(({ id }) => id === input.taskId);
  if (spec === undefined) throw notFound();
  const record = await findRecord(deps.state, keys.task({ ...run, taskId: spec.id }), taskRecord);
  return shown(deps, { run, spec, record: record?.value ?? null });
}

/** As `getTask`, without its spec: a reader of thousands of logs must not decode a config of thousands of tasks for each. */
export async function getExecution(deps: ApiDeps, input: TaskPlace): Promise<TaskExecution> {
  if (!isTaskId(input.taskId)) throw notFound();
  const key = { ...runOf(input), taskId: parseTaskId(input.taskId) };
  const record = await findRecord(deps.state, keys.task(key), taskRecord);
  return record?.value ?? (await getTask(deps, input)).execution;
}

async function configOf({ state }: ApiDeps, run: Run): Promise<PipelineConfig> {
  return (await needRecord(state, keys.config(run, run.configVersion), configRecord)).value;
}

function shown(
  { settings }: ApiDeps,
  { run, spec, record }: { readonly run: Run; readonly spec: TaskSpec; readonly record: TaskExecution | null },
): ShownTask {
  const variables = taskVariables({ run, task: spec, apiBaseUrl: settings.taskApiUrl() });
  return { execution: record ?? unrecorded(run, spec.id), spec, variables };
}

function unrecorded(run: Run, taskId: TaskId): TaskExecution {
  const { namespaceId, pipelineId, runId, created } = run;
  const facts = { namespaceId, pipelineId, runId, taskId, created, past: [] };
  if (run.state !== 'complete') return { ...facts, state: 'waiting', retryAt: 0 };
  return {
    ...facts,
    state: 'complete',
    status: 'cancelled',
    statusReason: { reason: 'cancelled', description: 'the run ended before it started' },
    exitCode: 1,
    startedAt: 0,
    ended: run.ended,
    logs: 'none',
    carriedFrom: 0,
  };
}

async function cancelTask(deps: ApiDeps, input: TaskCancellation, { caller }: RequestContext): Promise<void> {
  const graceMs = input.waitForSeconds * 1_000;
  if (!Number.isSafeInteger(graceMs) || graceMs < 0) {
    throw new AppError('invalid', 'wait_for: expected whole seconds, from 0.');
  }
  const { execution } = await getTask(deps, input);
  const { state, now, newId } = deps;
  const open = await state.get(keys.openRun(execution));
  if (open === null || execution.state === 'complete') return;
  const { taskId } = execution;
  const ask = askRecord.encode({ kind: 'cancel_task', taskId, askedAt: now(), graceMs, by: caller.user });
  await state.commit({
    compares: [{ target: 'create', key: open.key, equals: open.createRevision }],
    writes: [{ op: 'put', key: keys.ask(execution, newId()), value: ask }],
  });
}
