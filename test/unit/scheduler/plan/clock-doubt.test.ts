// The leader before had a clock that was an hour ahead: nobody waits for an hour.

import { expect, test } from 'vitest';
import { planRun } from '../../../../scheduler/plan/plan-run.ts';
import { NOON, PLAN_SETTINGS, aConfig, aRunningRun, aTask, aView } from '../../worlds.ts';
import { carryOut, ended, running, step } from './plan-steps.ts';

const HOUR = 3_600_000;

test('a retry waits for its back-off at most', () => {
  const view = aView(aConfig([aTask('a', { retry: { limit: 1, backoffMs: 1_000 } })]));
  step(view, { now: NOON + HOUR });
  ended(view, 'a', { kind: 'exited', code: 1 });
  step(view, { now: NOON + HOUR });
  view.attention = 'all';
  const { actions, wakes } = planRun(view, { now: NOON, settings: PLAN_SETTINGS, admitted: true });
  expect(carryOut(view, actions)).toEqual(['correct a time of a: a clock was ahead']);
  expect(wakes).toEqual([{ taskId: 'a', at: NOON + 1_000 }]);
  view.attention = 'all';
  expect(step(view, { now: NOON + 999 })).toEqual([]);
  view.attention = 'all';
  expect(step(view, { now: NOON + 1_000 })).toEqual(['start attempt 2 of a']);
});

test('a task has its time limit at most', () => {
  const view = aView(aConfig([aTask('a', { timeoutMs: 60_000 })]));
  step(view);
  running(view, 'a', NOON + HOUR);
  expect(step(view)).toEqual(['note that a runs', 'correct a time of a: a clock was ahead']);
  view.attention = 'all';
  expect(step(view, { now: NOON + 59_999 })).toEqual([]);
  view.attention = 'all';
  expect(step(view, { now: NOON + 60_000 })).toEqual(['stop a (task_timeout), with 30 s of grace']);
});

test('a run has its time limit at most', () => {
  const view = aView({ ...aConfig([aTask('a')]), timeoutMs: 60_000 }, aRunningRun({ deadline: NOON + HOUR + 60_000 }));
  expect(step(view)).toContain('correct a time of the run: a clock was ahead');
  expect(view.run).toMatchObject({ deadline: NOON + 60_000 });
  expect(step(view, { now: NOON + 59_999 })).toEqual([]);
  expect(step(view, { now: NOON + 60_000 })).toContain('end the run: its time is up');
});

test('clocks that differ a little are left alone', () => {
  const view = aView(aConfig([aTask('a', { timeoutMs: 60_000 })]));
  step(view);
  running(view, 'a', NOON + 900);
  expect(step(view)).toEqual(['note that a runs']);
});
