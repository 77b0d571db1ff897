// A run's view and the plans that are made of it, carried out as the loop would, without a store and without an engine.

import { attemptId } from '../../../../store/model/ids.ts';
import type { TaskId } from '../../../../store/model/ids.ts';
import type { AttemptEnd } from '../../../../store/model/run.ts';
import { explain } from '../../../../scheduler/plan/action.ts';
import type { Action } from '../../../../scheduler/plan/action.ts';
import { planRun } from '../../../../scheduler/plan/plan-run.ts';
import { idleHold, observe, putTask } from '../../../../scheduler/plan/run-view.ts';
import type { Observation, RunView } from '../../../../scheduler/plan/run-view.ts';
import { NOON, PLAN_SETTINGS } from '../../worlds.ts';

export function plan(
  view: RunView,
  options: { readonly now?: number; readonly admitted?: boolean } = {},
): readonly Action[] {
  return planRun(view, { now: NOON, admitted: true, ...options, settings: PLAN_SETTINGS }).actions;
}

/** Carries the actions out as the loop would, without a store and without an engine. */
export function carryOut(view: RunView, actions: readonly Action[]): string[] {
  for (const action of actions) {
    if ('task' in action) putTask(view, action.task, 2);
    if (action.type === 'start_attempt')
      view.holds.set(action.task.taskId, { ...idleHold(action.task.attempt), submit: 'done' });
    if ('run' in action && action.run.state === 'running') view.run = action.run;
  }
  view.asks = [];
  view.attention = new Set();
  return actions.map(explain);
}

export function step(view: RunView, options: { readonly now?: number; readonly admitted?: boolean } = {}): string[] {
  return carryOut(view, plan(view, options));
}

export function see(view: RunView, task: string, what: Observation, attempt = 1): void {
  observe(view, task as TaskId, { attempt, what });
}

export function ended(view: RunView, task: string, end: AttemptEnd = { kind: 'exited', code: 0 }, attempt = 1): void {
  const id = attemptId({ ...view.run, taskId: task as TaskId }, attempt);
  const startedAt = end.kind === 'not_started' ? 0 : NOON;
  see(view, task, { id, state: 'ended', startedAt, endedAt: NOON + 5, end }, attempt);
}

export function running(view: RunView, task: string, startedAt = NOON): void {
  see(view, task, { id: attemptId({ ...view.run, taskId: task as TaskId }, 1), state: 'running', startedAt });
}

export const cancelRun = (graceMs: number) =>
  ({ key: 'ask/1', ask: { kind: 'cancel_run', askedAt: NOON, graceMs, by: 'ann' } }) as const;
export const cancelTask = (task: string) =>
  ({
    key: 'ask/2',
    ask: { kind: 'cancel_task', taskId: task as TaskId, askedAt: NOON, graceMs: 15_000, by: 'ann' },
  }) as const;
