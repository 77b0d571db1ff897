// Reads what the planner needs of one run: its record, its config's graph, its tasks, and what a retry takes over.

import { keys } from '../../store/keys.ts';
import { AppError, errorText, isAppError } from '../../store/model/errors.ts';
import { parseRunId, runKeyText } from '../../store/model/ids.ts';
import type { RunKey, TaskId } from '../../store/model/ids.ts';
import type { CompleteTask, PendingRun, RunningRun } from '../../store/model/run.ts';
import { configRecord } from '../../store/records/pipeline-records.ts';
import { runRecord, taskRecord } from '../../store/records/run-records.ts';
import type { StateStore } from '../../store/state/port.ts';
import { taskGraph } from '../plan/graph.ts';
import type { TaskGraph } from '../plan/graph.ts';
import { createRunView } from '../plan/run-view.ts';
import type { RunView } from '../plan/run-view.ts';
import type { LoopLog } from './deps.ts';

/** Graphs are shared by all runs of a version; the largest configs have 10,000 tasks, so only some are kept. */
const GRAPHS_MAX = 500;

/** Tasks of a run are read in pages of this size, within etcd's default answer size. */
const TASK_PAGE = 500;

export type Loaded =
  | { readonly kind: 'open'; readonly view: RunView }
  /** Complete, or gone: nothing is to be done. */
  | { readonly kind: 'over' }
  /** Its records cannot be read; it is set aside, and the others go on. */
  | { readonly kind: 'damaged'; readonly why: string };

/** A run that has just been created: nothing has happened to it yet. */
export interface CreatedRun {
  readonly run: PendingRun;
  readonly revision: number;
}

export interface RunLoader {
  load(key: RunKey): Promise<Loaded>;
  /** The same without reading what is known. */
  adopt(created: CreatedRun): Promise<Loaded>;
}

export function createRunLoader(state: StateStore, log: LoopLog): RunLoader {
  const graph = createGraphCache(state);

  async function carriedBy(run: PendingRun | RunningRun): Promise<ReadonlyMap<TaskId, CompleteTask>> {
    const carried = new Map<TaskId, CompleteTask>();
    if (run.retryOf === 0 || run.state === 'running') return carried;
    for (const { value } of await taskRecords(state, { ...run, runId: parseRunId(run.retryOf) })) {
      const task = taskRecord.decode(value);
      if (task.state === 'complete' && task.status === 'successful') carried.set(task.taskId, task);
    }
    return carried;
  }

  async function open(key: RunKey): Promise<Loaded> {
    const kv = await state.get(keys.run(key));
    if (kv === null) return { kind: 'over' };
    const run = runRecord.decode(kv.value);
    if (run.state === 'complete') return { kind: 'over' };
    const tasks = await taskRecords(state, key);
    const view = createRunView({
      run,
      runRevision: kv.modRevision,
      graph: await graph(run),
      tasks: tasks.map(({ value, revision }) => ({ task: taskRecord.decode(value), revision })),
      carried: await carriedBy(run),
    });
    return { kind: 'open', view };
  }

  async function adopt({ run, revision }: CreatedRun): Promise<Loaded> {
    const source = { run, runRevision: revision, tasks: [], graph: await graph(run), carried: await carriedBy(run) };
    return { kind: 'open', view: createRunView(source) };
  }

  async function guarded(key: RunKey, load: () => Promise<Loaded>): Promise<Loaded> {
    try {
      return await load();
    } catch (error) {
      if (!isAppError(error, 'internal')) throw error;
      log.error({ run: runKeyText(key), error: errorText(error) }, 'run set aside: its records cannot be read');
      return { kind: 'damaged', why: errorText(error) };
    }
  }

  return {
    load: (key) => guarded(key, () => open(key)),
    adopt: (created) => guarded(created.run, () => adopt(created)),
  };
}

type GraphOf = (run: RunKey & { readonly configVersion: number }) => Promise<TaskGraph>;

/** Keeps the graphs that were asked for last. A version never changes, so what is kept stays true. */
function createGraphCache(state: StateStore): GraphOf {
  const graphs = new Map<string, TaskGraph>();
  return async (run) => {
    const key = keys.config(run, run.configVersion);
    const known = graphs.get(key);
    if (known !== undefined) {
      graphs.delete(key);
      graphs.set(key, known);
      return known;
    }
    const kv = await state.get(key);
    if (kv === null) throw new AppError('internal', 'The config of a run is missing.', { detail: key });
    const made = taskGraph(configRecord.decode(kv.value));
    graphs.set(key, made);
    if (graphs.size > GRAPHS_MAX) graphs.delete(graphs.keys().next().value ?? '');
    return made;
  };
}

async function taskRecords(
  state: StateStore,
  key: RunKey,
): Promise<{ readonly value: string; readonly revision: number }[]> {
  const found: { readonly value: string; readonly revision: number }[] = [];
  let range = keys.tasksOf(key);
  for (;;) {
    const page = await state.range(range, { limit: TASK_PAGE });
    for (const kv of page.kvs) found.push({ value: kv.value, revision: kv.modRevision });
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return found;
    range = { start: `${last.key}\0`, end: range.end };
  }
}
