// What the leader knows of one running run: its records, counters derived from them, what engines reported, and which outside
// effects this term has under way. All but the records may be thrown away at any time: it is derived or asked for again.

import type { Ask } from '../../store/model/ask.ts';
import { invariant } from '../../store/model/errors.ts';
import type { TaskId } from '../../store/model/ids.ts';
import type { AttemptReport } from '../../store/model/report.ts';
import type { CompleteTask, PendingRun, RunningRun, TaskExecution, WaitingTask } from '../../store/model/run.ts';
import type { TaskGraph } from './graph.ts';

/** An engine's report, or our own finding that the attempt could not be put together. */
export type Observation = AttemptReport | { readonly state: 'unresolved'; readonly why: string };

/** Outside effects of this term for the newest attempt of a task. */
export interface Hold {
  readonly attempt: number;
  /** busy: a look-up or a submission is under way; done: the engine has accepted. */
  readonly submit: 'idle' | 'busy' | 'done';
  readonly stop: 'idle' | 'busy' | 'done';
  /** After a failed effect: not again before this is taken back. */
  readonly isPutOff: boolean;
  /** What went wrong with it; '' = nothing. */
  readonly why: string;
}

export function idleHold(attempt: number): Hold {
  return { attempt, submit: 'idle', stop: 'idle', isPutOff: false, why: '' };
}

export interface PendingAsk {
  /** Key of the ask's record. */
  readonly key: string;
  readonly ask: Ask;
}

export interface RunView {
  run: PendingRun | RunningRun;
  readonly graph: TaskGraph;
  /** Records by task; a task without one is waiting since the run was created. */
  readonly tasks: Map<TaskId, TaskExecution>;
  /** Parents that are not complete, for tasks that have any. */
  readonly openParents: Map<TaskId, number>;
  completeCount: number;
  /** Mod revisions of what was read or written last; absent = the record does not exist. */
  runRevision: number;
  readonly taskRevisions: Map<TaskId, number>;
  readonly seen: Map<TaskId, Observation>;
  readonly holds: Map<TaskId, Hold>;
  asks: PendingAsk[];
  /** Results that a retried run takes over. */
  readonly carried: ReadonlyMap<TaskId, CompleteTask>;
  /** Tasks to look at in the next plan; 'all' after adoption or a re-list. */
  attention: Set<TaskId> | 'all';
}

export interface RunViewSource {
  readonly run: PendingRun | RunningRun;
  readonly runRevision: number;
  readonly graph: TaskGraph;
  readonly tasks: readonly { readonly task: TaskExecution; readonly revision: number }[];
  readonly carried: ReadonlyMap<TaskId, CompleteTask>;
}

export function createRunView(source: RunViewSource): RunView {
  const view: RunView = {
    run: source.run,
    runRevision: source.runRevision,
    graph: source.graph,
    tasks: new Map(),
    openParents: new Map(),
    completeCount: 0,
    taskRevisions: new Map(),
    seen: new Map(),
    holds: new Map(),
    asks: [],
    carried: source.carried,
    attention: 'all',
  };
  for (const { task, revision } of source.tasks) putTask(view, task, revision);
  return view;
}

/** Takes over a task record that was read or has just been committed. Keeps the counters true. */
export function putTask(view: RunView, task: TaskExecution, revision: number): void {
  const before = view.tasks.get(task.taskId);
  invariant('RUN-1', before?.state !== 'complete' || task.state === 'complete', 'a complete task stays complete');
  view.tasks.set(task.taskId, task);
  view.taskRevisions.set(task.taskId, revision);
  if (attemptOf(before) !== attemptOf(task)) {
    // What was seen and done belongs to the attempt before.
    view.seen.delete(task.taskId);
    view.holds.delete(task.taskId);
  }
  if (before?.state === 'complete' || task.state !== 'complete') return;
  view.completeCount += 1;
  for (const child of view.graph.children.get(task.taskId) ?? []) {
    view.openParents.set(child, openParentsOf(view, child) - 1);
  }
}

function attemptOf(task: TaskExecution | undefined): number {
  return task?.state === 'processing' || task?.state === 'running' ? task.attempt : 0;
}

export function openParentsOf(view: RunView, taskId: TaskId): number {
  return view.openParents.get(taskId) ?? view.graph.parentCount.get(taskId) ?? 0;
}

export function unrecordedTask(run: RunView['run'], taskId: TaskId): WaitingTask {
  const { namespaceId, pipelineId, runId, created } = run;
  return { namespaceId, pipelineId, runId, taskId, state: 'waiting', created, past: [], retryAt: 0 };
}

/** Something about this task changed: the next plan looks at it. */
export function attend(view: RunView, taskId: TaskId): void {
  if (view.attention !== 'all') view.attention.add(taskId);
}

/** A new report. Reports of older attempts and of ended ones that are known already are dropped. */
export function observe(
  view: RunView,
  taskId: TaskId,
  seen: { readonly attempt: number; readonly what: Observation },
): void {
  const task = view.tasks.get(taskId);
  if (task === undefined || (task.state !== 'processing' && task.state !== 'running')) return;
  if (task.attempt !== seen.attempt) return;
  const before = view.seen.get(taskId);
  if (before !== undefined && (before.state === 'ended' || before.state === 'unresolved')) return;
  view.seen.set(taskId, seen.what);
  attend(view, taskId);
}
