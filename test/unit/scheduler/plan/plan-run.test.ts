// Golden tests of the planner, as sentences: given what is known, these are the actions.
import { describe, expect, test } from 'vitest';
import { attemptId, type TaskId } from '../../../../store/model/ids.ts';
import type { AttemptEnd } from '../../../../store/model/run.ts';
import { planRun } from '../../../../scheduler/plan/plan-run.ts';
import { idleHold, type RunView } from '../../../../scheduler/plan/run-view.ts';
import { cancelRun, cancelTask, carryOut, ended, plan, running, see, step } from './plan-steps.ts';
import { NOON, PLAN_SETTINGS, aConfig, aPendingRun, aRunningRun, aTask, aView } from '../../worlds.ts';

describe('a pending run', () => {
  test('that is not admitted only takes its place in the queue', () => {
    expect(step(aView(aConfig([aTask('a')]), aPendingRun()), { admitted: false })).toEqual([
      'take the run into the queue',
    ]);
  });

  test('that is admitted starts, and its roots with it', () => {
    const config = aConfig([aTask('a'), aTask('b'), aTask('c', { after: { a: 'success' } })]);
    expect(step(aView(config, aPendingRun()))).toEqual([
      'take the run into the queue',
      'start the run',
      'start attempt 1 of a',
      'start attempt 1 of b',
    ]);
  });

  test('without tasks is successful at once', () => {
    expect(step(aView(aConfig([]), aPendingRun()))).toEqual([
      'take the run into the queue',
      'start the run',
      'finish the run as successful',
    ]);
  });

  test('that is cancelled never starts', () => {
    const view = aView(aConfig([aTask('a')]), aPendingRun());
    view.asks = [cancelRun(300_000)];
    expect(step(view)).toEqual([
      'take the run into the queue',
      'settle an ask',
      'finish the run as cancelled: cancelled by ann before it started',
    ]);
  });

  test('of which one task is cancelled starts without it', () => {
    const view = aView(aConfig([aTask('a'), aTask('b', { after: { a: 'any' } })]), aPendingRun());
    view.asks = [cancelTask('a')];
    expect(step(view)).toEqual([
      'take the run into the queue',
      'settle an ask',
      'complete a as cancelled: it was cancelled',
      'start the run',
      'complete b as skipped: a ended cancelled, and an end that is not cancelled was required',
      'finish the run as failed: a was cancelled',
    ]);
  });

  test('that retries another one takes over what was successful there', () => {
    const config = aConfig([aTask('a'), aTask('b', { after: { a: 'success' } })]);
    const view = aView(config, aPendingRun({ retryOf: 7 }));
    const before = aView(config);
    step(before);
    ended(before, 'a');
    step(before);
    const carried = before.tasks.get('a' as TaskId);
    if (carried?.state !== 'complete') throw new Error('a is complete in the run that is retried');
    expect(step({ ...view, carried: new Map([['a' as TaskId, carried]]) })).toEqual([
      'take the run into the queue',
      'start the run',
      'complete a as successful',
      'start attempt 1 of b',
    ]);
  });
});

describe('dependencies', () => {
  const verdicts: readonly [string, 'any' | 'success' | 'failure', AttemptEnd, string][] = [
    ['success follows success', 'success', { kind: 'exited', code: 0 }, 'start attempt 1 of child'],
    ['any follows success', 'any', { kind: 'exited', code: 0 }, 'start attempt 1 of child'],
    ['any follows failure', 'any', { kind: 'exited', code: 3 }, 'start attempt 1 of child'],
    ['failure follows failure', 'failure', { kind: 'exited', code: 3 }, 'start attempt 1 of child'],
    [
      'failure is skipped after success',
      'failure',
      { kind: 'exited', code: 0 },
      'complete child as skipped: parent ended successful, and failure was required',
    ],
    [
      'success is skipped after failure',
      'success',
      { kind: 'exited', code: 3 },
      'complete child as skipped: parent ended failed, and success was required',
    ],
    [
      'any is skipped after a lost parent',
      'any',
      { kind: 'lost', why: 'gone' },
      'complete child as skipped: parent ended unknown, and an end that is not cancelled was required',
    ],
  ];
  test.each(verdicts)('%s', (_name, rule, end, expected) => {
    const view = aView(aConfig([aTask('parent'), aTask('child', { after: { parent: rule } })]));
    step(view);
    ended(view, 'parent', end);
    expect(step(view)).toContain(expected);
  });

  test('skipping propagates to success children and not to any children', () => {
    const config = aConfig([
      aTask('a'),
      aTask('b', { after: { a: 'failure' } }),
      aTask('c', { after: { b: 'success' } }),
      aTask('d', { after: { b: 'any' } }),
    ]);
    const view = aView(config);
    step(view);
    ended(view, 'a');
    expect(step(view)).toEqual([
      'note that a runs',
      'complete a as successful',
      'complete b as skipped: a ended successful, and failure was required',
      'complete c as skipped: b ended skipped, and success was required',
      'start attempt 1 of d',
    ]);
  });

  test('a child waits for all of its parents', () => {
    const view = aView(aConfig([aTask('a'), aTask('b'), aTask('c', { after: { a: 'success', b: 'success' } })]));
    step(view);
    ended(view, 'a');
    expect(step(view)).not.toContain('start attempt 1 of c');
    ended(view, 'b');
    expect(step(view)).toContain('start attempt 1 of c');
  });
});

describe('the end of an attempt', () => {
  const ends: readonly [AttemptEnd, string][] = [
    [{ kind: 'exited', code: 0 }, 'complete a as successful'],
    [{ kind: 'exited', code: 3 }, 'complete a as failed: exit code 3'],
    [{ kind: 'signalled', signal: 'SIGKILL' }, 'complete a as failed: ended by SIGKILL'],
    [{ kind: 'out_of_memory' }, 'complete a as failed: out of memory'],
    [{ kind: 'not_started', why: 'no such image' }, 'complete a as failed: no such image'],
    [{ kind: 'lost', why: 'the machine restarted' }, 'complete a as unknown: the machine restarted'],
  ];
  test.each(ends)('%j', (end, expected) => {
    const view = aView(aConfig([aTask('a')]));
    step(view);
    ended(view, 'a', end);
    expect(step(view)).toContain(expected);
  });

  test('a placeholder without a value fails the task as a precondition, and is not tried again', () => {
    const view = aView(aConfig([aTask('a', { retry: { limit: 3 } })]));
    step(view);
    see(view, 'a', { state: 'unresolved', why: 'variable KEY: no secret db' });
    expect(step(view)).toEqual([
      'complete a as failed: variable KEY: no secret db',
      'finish the run as failed: a failed (variable KEY: no secret db)',
    ]);
  });

  test('a failed attempt with retries left waits for its back-off, then starts again', () => {
    const view = aView(aConfig([aTask('a', { retry: { limit: 1, backoffMs: 1_000 } })]));
    step(view);
    ended(view, 'a', { kind: 'exited', code: 1 });
    const { actions, wakes } = planRun(view, { now: NOON, settings: PLAN_SETTINGS, admitted: true });
    expect(carryOut(view, actions)).toEqual(['note that a runs', 'let a wait for attempt 2']);
    const at = wakes.find(({ taskId }) => taskId === 'a')?.at ?? 0;
    expect(at).toBeGreaterThanOrEqual(NOON + 500);
    expect(at).toBeLessThanOrEqual(NOON + 1_000);
    view.attention = 'all';
    expect(step(view, { now: at - 1 })).toEqual([]);
    view.attention = 'all';
    expect(step(view, { now: at })).toEqual(['start attempt 2 of a']);
    ended(view, 'a', { kind: 'exited', code: 1 }, 2);
    expect(step(view)).toContain('complete a as failed: exit code 1');
  });

  test('a task that is cancelled before its retry has the log of its last attempt looked at once more', () => {
    const view = aView(aConfig([aTask('a', { retry: { limit: 1 } })]));
    step(view);
    ended(view, 'a', { kind: 'exited', code: 1 });
    step(view);
    view.asks = [cancelRun(0)];
    expect(plan(view)).toContainEqual(expect.objectContaining({ type: 'complete_task', closes: 1 }));
  });

  test('a lost attempt is not tried again unless the policy says so', () => {
    const cautious = aView(aConfig([aTask('a', { retry: { limit: 3 } })]));
    step(cautious);
    ended(cautious, 'a', { kind: 'lost', why: 'gone' });
    expect(step(cautious)).toContain('complete a as unknown: gone');
    const bold = aView(aConfig([aTask('a', { retry: { limit: 3, onLost: true } })]));
    step(bold);
    ended(bold, 'a', { kind: 'lost', why: 'gone' });
    expect(step(bold)).toContain('let a wait for attempt 2');
  });
});

describe('cancelling and time limits', () => {
  test('a cancelled run stops what runs and never starts the rest', () => {
    const view = aView(aConfig([aTask('a'), aTask('b', { after: { a: 'success' } })]));
    step(view);
    running(view, 'a');
    step(view);
    view.asks = [cancelRun(300_000)];
    expect(step(view)).toEqual([
      'settle an ask',
      'cancel the run, with 300 s of grace',
      'stop a (cancel), with 300 s of grace',
      'complete b as cancelled: the run was cancelled',
    ]);
    ended(view, 'a', { kind: 'signalled', signal: 'SIGTERM' });
    expect(step(view)).toEqual([
      'complete a as cancelled: it was cancelled',
      'finish the run as cancelled: cancelled by ann',
    ]);
  });

  test('a force cancel after a patient one makes it faster, a second patient one changes nothing', () => {
    const view = aView(aConfig([aTask('a')]));
    step(view);
    running(view, 'a');
    step(view);
    view.asks = [cancelRun(300_000)];
    step(view);
    view.asks = [cancelRun(300_000)];
    expect(step(view)).toEqual(['settle an ask']);
    view.asks = [cancelRun(0)];
    expect(step(view)).toEqual([
      'settle an ask',
      'cancel the run, with 0 s of grace',
      'stop a (cancel), with 0 s of grace',
    ]);
  });

  test('cancelling one task stops that one; the run goes on, and is not successful', () => {
    const view = aView(aConfig([aTask('a'), aTask('b')]));
    step(view);
    running(view, 'a');
    running(view, 'b');
    step(view);
    view.asks = [cancelTask('a')];
    expect(step(view)).toEqual(['settle an ask', 'stop a (cancel), with 15 s of grace']);
    ended(view, 'a', { kind: 'signalled', signal: 'SIGTERM' });
    expect(step(view)).toEqual(['complete a as cancelled: it was cancelled']);
    ended(view, 'b');
    expect(step(view)).toContain('finish the run as failed: a was cancelled');
  });

  test('a task that reaches its time limit is stopped, and may be retried', () => {
    const view = aView(aConfig([aTask('a', { timeoutMs: 1_000, retry: { limit: 1 } })]));
    step(view);
    running(view, 'a');
    step(view);
    view.attention = 'all';
    expect(step(view, { now: NOON + 1_000 })).toEqual(['stop a (task_timeout), with 30 s of grace']);
    ended(view, 'a', { kind: 'signalled', signal: 'SIGTERM' });
    expect(step(view, { now: NOON + 1_100 })).toEqual(['let a wait for attempt 2']);
  });

  test('a run that reaches its time limit ends as failed, its waiting tasks do not start', () => {
    const view = aView(
      aConfig([aTask('a'), aTask('b', { after: { a: 'any' } })]),
      aRunningRun({ deadline: NOON + 10 }),
    );
    step(view);
    running(view, 'a');
    step(view);
    view.attention = new Set();
    expect(step(view, { now: NOON + 10 })).toEqual([
      'end the run: its time is up',
      'stop a (run_timeout), with 30 s of grace',
      "complete b as cancelled: the run's time limit was reached",
    ]);
    ended(view, 'a', { kind: 'exited', code: 0 });
    expect(step(view, { now: NOON + 11 })).toEqual([
      "complete a as failed: the run's time limit was reached",
      'finish the run as failed: its time limit was reached',
    ]);
  });
});

describe('adoption by a new leader', () => {
  function adopted(): RunView {
    const view = aView(aConfig([aTask('a')]));
    step(view);
    view.holds.clear();
    view.attention = 'all';
    return view;
  }

  test('an attempt of an older term is asked about first', () => {
    expect(step(adopted())).toEqual(['ask the engine about attempt 1 of a']);
  });

  test('what the engine never heard of is submitted', () => {
    const view = adopted();
    see(view, 'a', { id: attemptId({ ...view.run, taskId: 'a' as TaskId }, 1), state: 'unknown' });
    expect(step(view)).toEqual(['submit attempt 1 of a again']);
  });

  test('nothing is decided while an effect is under way', () => {
    const view = adopted();
    view.holds.set('a' as TaskId, { ...idleHold(1), submit: 'busy' });
    expect(step(view)).toEqual([]);
  });

  test('a body that the engine lost is never started a second time', () => {
    const view = adopted();
    running(view, 'a');
    step(view);
    view.seen.clear();
    see(view, 'a', { id: attemptId({ ...view.run, taskId: 'a' as TaskId }, 1), state: 'unknown' });
    expect(step(view)).toEqual([
      'complete a as unknown: the engine no longer knows the attempt',
      'finish the run as failed: a was lost (the engine no longer knows the attempt)',
    ]);
  });

  test('a stop that was decided before is told to the engine again', () => {
    const view = adopted();
    running(view, 'a');
    step(view);
    view.asks = [cancelRun(0)];
    step(view);
    view.holds.clear();
    view.attention = 'all';
    expect(step(view)).toEqual(['tell the engine again to stop a']);
  });

  test('an engine that does not answer delays, and the task says so', () => {
    const view = adopted();
    view.holds.set('a' as TaskId, { ...idleHold(1), isPutOff: true, why: 'docker does not answer' });
    expect(step(view)).toEqual(['note that a waits: docker does not answer']);
    view.attention = 'all';
    expect(step(view)).toEqual([]);
    view.holds.set('a' as TaskId, idleHold(1));
    view.attention = 'all';
    expect(step(view)).toEqual(['ask the engine about attempt 1 of a']);
  });

  test('an intent that was cancelled before the engine heard of it ends without a start', () => {
    const view = adopted();
    view.asks = [cancelRun(0)];
    step(view);
    see(view, 'a', { id: attemptId({ ...view.run, taskId: 'a' as TaskId }, 1), state: 'unknown' });
    // A start of an older leader may still be on its way: the stop bars it.
    expect(step(view)).toEqual(['tell the engine again to stop a']);
    view.holds.set('a' as TaskId, { ...idleHold(1), stop: 'done' });
    view.attention = 'all';
    expect(step(view)).toEqual([
      'complete a as cancelled: it was cancelled',
      'finish the run as cancelled: cancelled by ann',
    ]);
  });
});
