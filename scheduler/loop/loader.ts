// Reads what the planner needs of one run: its record, its config's graph, its tasks, and what a retry takes over.

import { keys } from '../../store/keys.ts';
import { AppError, errorText, isAppError } from '../../store/model/errors.ts';
import { parseRunId, runKeyText } from '../../store/model/ids.ts';
import type { RunKey, TaskId } from '../../store/model/ids.ts';
import type { CompleteTask, PendingRun, RunningRun } from '../../store/model/run.ts';
import { configRecord } from '../../store/records/pipeline-records.ts';
import { runRecord, taskRecord } from '../../store/records/run-records.ts';
import type { KeyValue, StateStore } from '../../store/state/port.ts';
import { taskGraph } from '../plan/graph.ts';
import type { TaskGraph } from '../plan/graph.ts';
import { createRunView } from '../plan/run-view.ts';
import type { RunView } from '../plan/run-view.ts';
import { readRuns, readTasks } from './bulk-reader.ts';
import type { LoopLog } from './deps.ts';

/** Graphs are shared by all runs of a version; the largest configs have 10,000 tasks, so only some are kept. */
const GRAPHS_MAX = 500;

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
  /** Many at once, in their order, with as few requests as possible. */
  loadAll(runs: readonly RunKey[]): Promise<readonly Loaded[]>;
  /** The same without reading what is known. */
  adopt(created: CreatedRun): Promise<Loaded>;
}

type OpenRun = PendingRun | RunningRun;

/** A run whose record and graph are read. */
interface Known {
  readonly run: OpenRun;
  readonly runRevision: number;
  readonly graph: TaskGraph;
}

export function createRunLoader(state: StateStore, log: LoopLog): RunLoader {
  return new Loader(state, log);
}

class Loader implements RunLoader {
  readonly #state: StateStore;
  readonly #log: LoopLog;
  readonly #graph: GraphOf;

  constructor(state: StateStore, log: LoopLog) {
    this.#state = state;
    this.#log = log;
    this.#graph = createGraphCache(state);
  }

  async load(key: RunKey): Promise<Loaded> {
    const [loaded] = await this.loadAll([key]);
    return loaded ?? { kind: 'over' };
  }

  async loadAll(runs: readonly RunKey[]): Promise<readonly Loaded[]> {
    const records = await readRuns(this.#state, runs);
    const known = await Promise.all(runs.map((key) => this.#known(key, records.get(runKeyText(key)))));
    // A run that has not started has no records of tasks.
    const started = known.filter((each) => 'run' in each).filter(({ run }) => run.state === 'running');
    const tasks = await readTasks(
      this.#state,
      started.map(({ run, graph }) => ({ key: run, size: graph.specs.size })),
    );
    return Promise.all(
      known.map(async (each) => ('run' in each ? this.#view(each, tasks.get(runKeyText(each.run)) ?? []) : each)),
    );
  }

  async adopt({ run, revision }: CreatedRun): Promise<Loaded> {
    return this.#guarded(run, async () =>
      this.#view({ run, runRevision: revision, graph: await this.#graph(run) }, []),
    );
  }

  async #known(key: RunKey, kv: KeyValue | undefined): Promise<Known | Loaded> {
    if (kv === undefined) return { kind: 'over' };
    return this.#guarded(key, async () => {
      const run = runRecord.decode(kv.value);
      if (run.state === 'complete') return { kind: 'over' };
      return { run, runRevision: kv.modRevision, graph: await this.#graph(run) };
    });
  }

  #view(known: Known, records: readonly KeyValue[]): Promise<Loaded> {
    return this.#guarded(known.run, async () => {
      const tasks = records.map(({ value, modRevision }) => ({
        task: taskRecord.decode(value),
        revision: modRevision,
      }));
      return { kind: 'open', view: createRunView({ ...known, tasks, carried: await this.#carriedBy(known.run) }) };
    });
  }

  async #carriedBy(run: OpenRun): Promise<ReadonlyMap<TaskId, CompleteTask>> {
    const carried = new Map<TaskId, CompleteTask>();
    if (run.retryOf === 0 || run.state === 'running') return carried;
    const key = { ...run, runId: parseRunId(run.retryOf) };
    for (const { value } of (await readTasks(this.#state, [{ key, size: 1 }])).get(runKeyText(key)) ?? []) {
      const task = taskRecord.decode(value);
      if (task.state === 'complete' && task.status === 'successful') carried.set(task.taskId, task);
    }
    return carried;
  }

  /** Records that cannot be read set their run aside, and no other. */
  async #guarded<T>(key: RunKey, work: () => Promise<T | Loaded>): Promise<T | Loaded> {
    try {
      return await work();
    } catch (error) {
      if (!isAppError(error, 'internal')) throw error;
      this.#log.error({ run: runKeyText(key), error: errorText(error) }, 'run set aside: its records cannot be read');
      return { kind: 'damaged', why: errorText(error) };
    }
  }
}

type GraphOf = (run: RunKey & { readonly configVersion: number }) => Promise<TaskGraph>;

/** Keeps the graphs that were asked for last. A version never changes, so what is kept stays true. */
function createGraphCache(state: StateStore): GraphOf {
  const graphs = new Map<string, Promise<TaskGraph>>();

  async function read(key: string): Promise<TaskGraph> {
    const kv = await state.get(key);
    if (kv === null) throw new AppError('internal', 'The config of a run is missing.', { detail: key });
    return taskGraph(configRecord.decode(kv.value));
  }

  return (run) => {
    const key = keys.config(run, run.configVersion);
    // Kept while it is read: all runs of a version are asked about at once when a leader takes over.
    const graph = graphs.get(key) ?? read(key);
    graphs.delete(key);
    graphs.set(key, graph);
    graph.catch(() => graphs.delete(key));
    if (graphs.size > GRAPHS_MAX) graphs.delete(graphs.keys().next().value ?? '');
    return graph;
  };
}
