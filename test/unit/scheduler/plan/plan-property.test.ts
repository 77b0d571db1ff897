// Any graph, any ends: the planner brings every run to its end, keeps the rules of dependencies, and never needs to look at the whole
// run to decide what changed.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ParentRule } from '../../../../store/model/config.ts';
import { attemptId } from '../../../../store/model/ids.ts';
import type { TaskId } from '../../../../store/model/ids.ts';
import type { AttemptEnd, CompleteRun, TaskExecution } from '../../../../store/model/run.ts';
import { explain } from '../../../../scheduler/plan/action.ts';
import type { Action } from '../../../../scheduler/plan/action.ts';
import { satisfies } from '../../../../scheduler/plan/outcome.ts';
import { planRun } from '../../../../scheduler/plan/plan-run.ts';
import { idleHold, observe, putTask } from '../../../../scheduler/plan/run-view.ts';
import type { RunView } from '../../../../scheduler/plan/run-view.ts';
import { NOON, PLAN_SETTINGS, aConfig, aPendingRun, aTask, aView } from '../../worlds.ts';

const rule = fc.constantFrom<ParentRule>('any', 'success', 'failure');
const anEnd = fc.constantFrom<AttemptEnd>(
  { kind: 'exited', code: 0 },
  { kind: 'exited', code: 0 },
  { kind: 'exited', code: 9 },
  { kind: 'signalled', signal: 'SIGKILL' },
  { kind: 'not_started', why: 'no image' },
  { kind: 'lost', why: 'gone' },
);

/** Task n may depend on tasks before it only, so there is no cycle. */
const graph = fc.integer({ min: 1, max: 12 }).chain((size) =>
  fc.tuple(
    ...Array.from({ length: size }, (_, index) =>
      fc.record({
        after: fc.dictionary(
          fc.integer({ min: 0, max: Math.max(0, index - 1) }).map((n) => `t${n}`),
          rule,
          { maxKeys: index === 0 ? 0 : 3 },
        ),
        retries: fc.nat(2),
      }),
    ),
  ),
);

function carryOut(view: RunView, actions: readonly Action[]): CompleteRun | null {
  let over: CompleteRun | null = null;
  for (const action of actions) {
    if ('task' in action) putTask(view, action.task, 2);
    if (action.type === 'start_attempt') {
      view.holds.set(action.task.taskId, { ...idleHold(action.task.attempt), submit: 'done' });
    }
    if (action.type === 'finish_run') over = action.run;
    else if ('run' in action) view.run = action.run;
  }
  return over;
}

function twin(view: RunView): RunView {
  return {
    ...view,
    tasks: new Map(view.tasks),
    openParents: new Map(view.openParents),
    taskRevisions: new Map(view.taskRevisions),
    seen: new Map(view.seen),
    holds: new Map(view.holds),
    attention: 'all',
  };
}

test('planner: every run ends, its tasks keep their rules, and attention to what changed is enough', () => {
  fc.assert(
    fc.property(
      graph,
      fc.array(anEnd, { minLength: 60, maxLength: 60 }),
      fc.array(fc.nat(11), { minLength: 60, maxLength: 60 }),
      (tasks, ends, order) => {
        const config = aConfig(
          tasks.map(({ after, retries }, index) =>
            aTask(`t${index}`, { after, retry: { limit: retries, backoffMs: 0 } }),
          ),
        );
        const view = aView(config, aPendingRun());
        let over: CompleteRun | null = null;
        for (let step = 0; over === null && step < 60; step += 1) {
          const context = { now: NOON + step, settings: PLAN_SETTINGS, admitted: true };
          const whole = planRun(twin(view), context).actions.map(explain);
          const { actions } = planRun(view, context);
          expect(actions.map(explain).sort()).toEqual(whole.sort());
          over = carryOut(view, actions);
          view.attention = new Set();
          const open = [...view.tasks.values()].filter(
            (task): task is Extract<TaskExecution, { attempt: number }> => task.state === 'processing',
          );
          const next = open[(order[step] ?? 0) % Math.max(1, open.length)];
          const end = ends[step];
          if (next === undefined || end === undefined) continue;
          const id = attemptId(next, next.attempt);
          const startedAt = end.kind === 'not_started' ? 0 : NOON + step;
          observe(view, next.taskId, {
            attempt: next.attempt,
            what: { id, state: 'ended', startedAt, endedAt: NOON + step, end },
          });
        }
        expect(over).not.toBeNull();
        for (const spec of config.tasks) checkTask(view, spec.id, spec.dependsOn);
      },
    ),
    { numRuns: 300 },
  );
});

function checkTask(view: RunView, taskId: TaskId, dependsOn: Readonly<Record<string, ParentRule>>): void {
  const task = view.tasks.get(taskId);
  expect(task?.state).toBe('complete');
  if (task?.state !== 'complete') return;
  const allowed = Object.entries(dependsOn).every(([parent, required]) => {
    const parentTask = view.tasks.get(parent as TaskId);
    return parentTask?.state === 'complete' && satisfies(required, parentTask.status);
  });
  expect(task.status === 'skipped').toBe(!allowed);
  expect(task.past.length > 0).toBe(allowed);
}
