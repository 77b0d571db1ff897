// The planner: what is to be done about one run now. Pure: time comes in, actions and times to look again come out.
//
// It looks only at the tasks under attention, and at the children of what it completes itself, so a step costs what changed and
// not the size of the run; a plan with attention to all of them gives the same actions (a property test shows it).

import type { CompleteTask, PendingRun, RunningRun, TaskExecution } from '../../store/model/run.ts';
import { invariant } from '../../store/model/errors.ts';
import type { Instant, TaskId } from '../../store/model/ids.ts';
import type { Action } from './action.ts';
import { plausibleEnd } from './clock-doubt.ts';
import { deadlineOf, shortest } from './draft.ts';
import type { Draft, PlanSettings, Wake } from './draft.ts';
import { endedWithoutAttempt, judgeRun } from './outcome.ts';
import { planTask } from './plan-task.ts';
import { openParentsOf, unrecordedTask } from './run-view.ts';
import type { PendingAsk, RunView } from './run-view.ts';

export interface RunPlan {
  readonly actions: readonly Action[];
  readonly wakes: readonly Wake[];
}

/** `admitted`: the queue has given this pending run its turn. */
export function planRun(
  view: RunView,
  context: { readonly now: Instant; readonly settings: PlanSettings; readonly admitted: boolean },
): RunPlan {
  const state: DraftState = {
    run: view.run,
    actions: [],
    wakes: [],
    tasks: new Map(),
    openParents: new Map(),
    completed: 0,
    work: [],
    fresh: new Set(),
  };
  const draft = createDraft(view, context, state);
  if (view.run.state === 'pending') planPending(view, draft, state, context.admitted);
  if (state.run?.state === 'running') planRunning(view, draft, state);
  return { actions: state.actions, wakes: state.wakes };
}

interface DraftState {
  run: PendingRun | RunningRun | null;
  readonly actions: Action[];
  readonly wakes: Wake[];
  readonly tasks: Map<TaskId, TaskExecution>;
  readonly openParents: Map<TaskId, number>;
  completed: number;
  readonly work: TaskId[];
  /** Attempts that this very plan starts. */
  readonly fresh: Set<TaskId>;
}

function createDraft(
  view: RunView,
  context: { readonly now: Instant; readonly settings: PlanSettings },
  state: DraftState,
): Draft {
  const openParents = (taskId: TaskId) => state.openParents.get(taskId) ?? openParentsOf(view, taskId);

  function complete(taskId: TaskId): void {
    state.completed += 1;
    for (const child of view.graph.children.get(taskId) ?? []) {
      const left = openParents(child) - 1;
      state.openParents.set(child, left);
      if (left === 0) state.work.push(child);
    }
  }

  return {
    view,
    now: context.now,
    settings: context.settings,
    run: () => {
      invariant('RUN-2', state.run?.state === 'running', 'tasks are planned only while the run is running');
      return state.run;
    },
    task: (taskId) => state.tasks.get(taskId) ?? view.tasks.get(taskId) ?? unrecordedTask(view.run, taskId),
    openParents,
    isFresh: (taskId) => state.fresh.has(taskId),
    wake: (wake) => state.wakes.push(wake),
    act: (action) => {
      state.actions.push(action);
      if ('run' in action) state.run = action.run.state === 'complete' ? null : action.run;
      if ('task' in action) {
        state.tasks.set(action.task.taskId, action.task);
        if (action.type === 'start_attempt') state.fresh.add(action.task.taskId);
        if (action.type === 'complete_task') complete(action.task.taskId);
      }
    },
  };
}

function planPending(view: RunView, draft: Draft, state: DraftState, admitted: boolean): void {
  const run = state.run;
  if (run?.state !== 'pending') return;
  if (run.eventId === null) draft.act({ type: 'queue_run', run });
  const cancel = view.asks.find(({ ask }) => ask.kind === 'cancel_run');
  if (cancel !== undefined) {
    for (const { key } of view.asks) draft.act({ type: 'settle_ask', key });
    const statusReason = {
      reason: 'user_cancelled',
      description: `cancelled by ${cancel.ask.by} before it started`,
    } as const;
    draft.act({
      type: 'finish_run',
      run: { ...run, state: 'complete', startedAt: 0, ended: draft.now, status: 'cancelled', statusReason },
    });
    return;
  }
  for (const { key, ask } of view.asks) {
    draft.act({ type: 'settle_ask', key });
    if (ask.kind === 'cancel_task') cancelBeforeStart(draft, ask.taskId);
  }
  if (!admitted) return;
  const deadline = deadlineOf(draft.now, view.graph.config.timeoutMs, draft.settings.runTimeoutMaxMs);
  draft.act({
    type: 'start_run',
    run: { ...run, state: 'running', startedAt: draft.now, deadline, cancel: null, timedOut: false },
  });
  for (const task of view.carried.values()) {
    if (draft.task(task.taskId).state === 'complete') continue;
    const { namespaceId, pipelineId, runId, created } = run;
    draft.act({
      type: 'complete_task',
      task: { ...task, namespaceId, pipelineId, runId, created, carriedFrom: run.retryOf },
      closes: 0,
    });
  }
}

/** A task of a run that still waits: it will not start, and its children are looked at once the run does. */
function cancelBeforeStart(draft: Draft, taskId: TaskId): void {
  const task = draft.task(taskId);
  if (!draft.view.graph.specs.has(taskId) || task.state !== 'waiting') return;
  const ended = endedWithoutAttempt(task, { status: 'cancelled', description: 'it was cancelled' }, draft.now);
  draft.act({ type: 'complete_task', task: ended, closes: 0 });
}

function planRunning(view: RunView, draft: Draft, state: DraftState): void {
  let all = view.attention === 'all' || view.run.state === 'pending';
  // A pending run's asks were honoured before it started.
  if (view.run.state === 'running') for (const pending of view.asks) if (honourAsk(draft, pending)) all = true;
  if (timeOut(draft)) all = true;

  if (all) state.work.push(...openTasks(view, draft));
  else if (view.attention !== 'all') state.work.push(...view.attention);
  // The list grows while it is read: completing a task adds the children that it sets free.
  for (let next = 0; next < state.work.length; next += 1) {
    const taskId = state.work[next];
    if (taskId !== undefined) planTask(draft, taskId);
  }
  finish(view, draft, state);
}

function* openTasks(view: RunView, draft: Draft): Iterable<TaskId> {
  for (const { id } of view.graph.config.tasks) if (draft.task(id).state !== 'complete') yield id;
}

/** True when the whole run has to be looked at. */
function honourAsk(draft: Draft, { key, ask }: PendingAsk): boolean {
  draft.act({ type: 'settle_ask', key });
  if (ask.kind === 'cancel_run') {
    const run = draft.run();
    // A second ask can only make it faster: a force cancel after a patient one.
    if (run.cancel !== null && run.cancel.graceMs <= ask.graceMs) return false;
    const { askedAt, graceMs, by } = ask;
    draft.act({ type: 'cancel_run', run: { ...run, cancel: { askedAt, graceMs, by } } });
    return true;
  }
  planTask(draft, ask.taskId, { askedAt: ask.askedAt, graceMs: ask.graceMs, by: ask.by });
  return false;
}

function timeOut(draft: Draft): boolean {
  const run = draft.run();
  if (run.deadline === 0 || run.timedOut) return false;
  if (draft.now < run.deadline) {
    const lengthMs = shortest(draft.view.graph.config.timeoutMs, draft.settings.runTimeoutMaxMs);
    const deadline = plausibleEnd(run.deadline, lengthMs, draft.now);
    if (deadline !== run.deadline) draft.act({ type: 'correct_time', run: { ...run, deadline } });
    draft.wake({ taskId: null, at: deadline });
    return false;
  }
  draft.act({ type: 'time_out_run', run: { ...run, timedOut: true } });
  return true;
}

function finish(view: RunView, draft: Draft, state: DraftState): void {
  const total = view.graph.config.tasks.length;
  if (view.completeCount + state.completed < total) return;
  invariant('RUN-3', view.completeCount + state.completed === total, 'each task completes once');
  const { cancel, timedOut, deadline: _deadline, ...facts } = draft.run();
  const tasks = view.graph.config.tasks.map(({ id }) => draft.task(id)).filter(isComplete);
  const verdict = judgeRun({ cancelledBy: cancel?.by ?? null, timedOut }, tasks);
  draft.act({
    type: 'finish_run',
    run: { ...facts, state: 'complete', ended: draft.now, status: verdict.status, statusReason: verdict.reason },
  });
}

function isComplete(task: TaskExecution): task is CompleteTask {
  return task.state === 'complete';
}
