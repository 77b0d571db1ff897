// What is to be done about one task of a running run.
//
// waiting: ends at once when the run is being ended; starts an attempt when its parents allow it and its time has come.
// processing: the intent is committed. What the engine says decides; while it has said nothing in this term it is asked, and only
// an engine that has never heard of the attempt is told to start it.
// running: ends with what the engine reports; an engine that no longer knows the body makes it lost, never a second start.

import { NO_RETRY } from '../../store/model/config.ts';
import { invariant } from '../../store/model/errors.ts';
import type { TaskId } from '../../store/model/ids.ts';
import type {
  CancelWish,
  LogPlace,
  ProcessingTask,
  RunningTask,
  StopIntent,
  TaskStatus,
  WaitingTask,
} from '../../store/model/run.ts';
import { plausibleEnd } from './clock-doubt.ts';
import { deadlineOf, shortest } from './draft.ts';
import type { Draft } from './draft.ts';
import {
  completed,
  endedWithoutAttempt,
  judge,
  longestDelayMs,
  mayRetry,
  pastAttempt,
  retryDelayMs,
  unmetParent,
  waitForRetry,
} from './outcome.ts';
import type { Ending, Verdict } from './outcome.ts';
import { idleHold } from './run-view.ts';
import type { Hold, Observation } from './run-view.ts';

/** `cancel`: a wish to cancel just this task. */
export function planTask(draft: Draft, taskId: TaskId, cancel: CancelWish | null = null): void {
  if (!draft.view.graph.specs.has(taskId)) return;
  const task = draft.task(taskId);
  switch (task.state) {
    case 'waiting':
      planWaiting(draft, task, cancel);
      return;
    case 'processing':
    case 'running':
      planAttempt(draft, task, cancel);
      return;
    case 'complete':
      return;
  }
}

function planWaiting(draft: Draft, task: WaitingTask, cancel: CancelWish | null): void {
  const run = draft.run();
  const over =
    cancel !== null
      ? 'it was cancelled'
      : run.cancel !== null
        ? 'the run was cancelled'
        : run.timedOut
          ? "the run's time limit was reached"
          : null;
  if (over !== null) {
    draft.act({
      type: 'complete_task',
      task: endedWithoutAttempt(task, { status: 'cancelled', description: over }, draft.now),
      closes: closedAgain(task),
    });
    return;
  }
  if (draft.openParents(task.taskId) > 0) return;
  const spec = draft.view.graph.specs.get(task.taskId);
  const unmet = unmetParent(spec?.dependsOn ?? {}, (parent) => statusOf(draft, parent));
  if (unmet !== null) {
    draft.act({
      type: 'complete_task',
      task: endedWithoutAttempt(task, { status: 'skipped', description: unmet }, draft.now),
      closes: closedAgain(task),
    });
    return;
  }
  if (task.retryAt > draft.now) {
    const retryAt = plausibleEnd(
      task.retryAt,
      longestDelayMs(spec?.retry ?? NO_RETRY, task.past.length - 1),
      draft.now,
    );
    if (retryAt !== task.retryAt) draft.act({ type: 'correct_time', task: { ...task, retryAt } });
    draft.wake({ taskId: task.taskId, at: retryAt });
    return;
  }
  const { retryAt: _retryAt, ...facts } = task;
  const attempt = task.past.length + 1;
  draft.act({
    type: 'start_attempt',
    task: { ...facts, state: 'processing', attempt, intentAt: draft.now, stop: null, note: '' },
  });
}

/** The log of the last attempt may have been archived while the task waited for the next one: then nobody would say where it is. */
function closedAgain({ past }: WaitingTask): number {
  return past.at(-1)?.attempt ?? 0;
}

function statusOf(draft: Draft, parent: TaskId): TaskStatus {
  const task = draft.task(parent);
  invariant('RUN-4', task.state === 'complete', `parent ${parent} is complete before its children are looked at`);
  return task.status;
}

type Attempt = ProcessingTask | RunningTask;

function planAttempt(draft: Draft, before: Attempt, cancel: CancelWish | null): void {
  if (draft.isFresh(before.taskId)) return;
  const seen = draft.view.seen.get(before.taskId);
  const ending = endingOf(draft, before, seen);
  let task = withPlausibleDeadline(draft, noteStart(draft, before, seen, ending));
  const stop = stopOf(draft, task, cancel);
  const changed = stop !== null && (task.stop === null || stop.graceMs < task.stop.graceMs);
  if (changed) task = { ...task, stop };
  if (ending !== null) {
    endAttempt(draft, task, { ending, unresolved: seen?.state === 'unresolved' });
    return;
  }
  if (changed) {
    draft.act({ type: 'stop_attempt', task });
    return;
  }
  drive(draft, task, seen);
}

/** How the attempt ended, if what was seen says so. */
function endingOf(draft: Draft, task: Attempt, seen: Observation | undefined): Ending | null {
  const { now } = draft;
  if (seen === undefined) return null;
  switch (seen.state) {
    case 'ended':
      return { end: seen.end, startedAt: seen.startedAt, endedAt: seen.endedAt };
    case 'unresolved':
      return { end: { kind: 'not_started', why: seen.why }, startedAt: 0, endedAt: now };
    case 'unknown':
      if (task.state === 'running') {
        return {
          end: { kind: 'lost', why: 'the engine no longer knows the attempt' },
          startedAt: task.startedAt,
          endedAt: now,
        };
      }
      // Never started, and the stop has seen to it that it never will be: this is its end.
      if (task.stop !== null && holdOf(draft, task).stop === 'done')
        return { end: { kind: 'not_started', why: 'stopped before it started' }, startedAt: 0, endedAt: now };
      return null;
    case 'pending':
    case 'running':
      return null;
  }
}

/** A body that was seen to start becomes a running task, also when it has ended since. */
function noteStart(draft: Draft, task: Attempt, seen: Observation | undefined, ending: Ending | null): Attempt {
  if (task.state === 'running') return task;
  const startedAt = seen?.state === 'running' ? seen.startedAt : (ending?.startedAt ?? 0);
  if (startedAt > 0) {
    const spec = draft.view.graph.specs.get(task.taskId);
    const deadline = deadlineOf(startedAt, spec?.timeoutMs ?? 0, draft.settings.taskTimeoutMaxMs);
    const { note: _note, ...facts } = task;
    const running: RunningTask = { ...facts, state: 'running', startedAt, deadline };
    draft.act({ type: 'confirm_running', task: running });
    return running;
  }
  if (seen?.state === 'pending' && seen.note !== task.note) {
    const noted: ProcessingTask = { ...task, note: seen.note };
    draft.act({ type: 'note_delay', task: noted });
    return noted;
  }
  return task;
}

function withPlausibleDeadline(draft: Draft, task: Attempt): Attempt {
  if (task.state !== 'running' || task.deadline <= draft.now) return task;
  const { settings, now, view } = draft;
  const lengthMs = shortest(view.graph.specs.get(task.taskId)?.timeoutMs ?? 0, settings.taskTimeoutMaxMs);
  const deadline = plausibleEnd(task.deadline, lengthMs, now);
  if (deadline === task.deadline) return task;
  const corrected: RunningTask = { ...task, deadline };
  draft.act({ type: 'correct_time', task: corrected });
  return corrected;
}

/** Why the body has to stop now, if it has to. */
function stopOf(draft: Draft, task: Attempt, cancel: CancelWish | null): StopIntent | null {
  const run = draft.run();
  const wish = cancel ?? run.cancel;
  if (wish !== null) return { cause: 'cancel', askedAt: wish.askedAt, graceMs: wish.graceMs };
  if (run.timedOut) return { cause: 'run_timeout', askedAt: draft.now, graceMs: draft.settings.stopGraceMs };
  if (task.state !== 'running' || task.deadline === 0) return null;
  if (draft.now >= task.deadline)
    return { cause: 'task_timeout', askedAt: draft.now, graceMs: draft.settings.stopGraceMs };
  draft.wake({ taskId: task.taskId, at: task.deadline });
  return null;
}

function endAttempt(
  draft: Draft,
  task: Attempt,
  seen: { readonly ending: Ending; readonly unresolved: boolean },
): void {
  const { ending } = seen;
  const verdict = seen.unresolved ? unresolvedVerdict(ending) : judge(ending.end, task.stop);
  const policy = draft.view.graph.specs.get(task.taskId)?.retry ?? NO_RETRY;
  // An attempt that was never handed to the engine leaves nothing there.
  const closes = seen.unresolved ? 0 : task.attempt;
  const run = draft.run();
  if (run.cancel === null && !run.timedOut && mayRetry(verdict, policy, task.past.length)) {
    draft.act({
      type: 'retry_later',
      task: waitForRetry(task, ending, draft.now + retryDelayMs(policy, task)),
      closes,
    });
    planTask(draft, task.taskId);
    return;
  }
  const ran = task.state === 'running' || task.past.length > 0;
  const logs: LogPlace = ran && draft.settings.engineKeepsLogs ? 'engine' : 'none';
  const { status, reason, exitCode } = verdict;
  const last = pastAttempt(task, ending);
  draft.act({
    type: 'complete_task',
    task: completed(task, { status, reason, exitCode, ended: last.endedAt, logs, last }),
    closes,
  });
}

/** A placeholder that cannot be resolved is the user's to mend: trying again would fail the same way. */
function unresolvedVerdict({ end }: Ending): Verdict {
  const description = end.kind === 'not_started' ? end.why : 'a placeholder could not be resolved';
  return { status: 'failed', reason: { reason: 'failed_precondition', description }, exitCode: 1, mayRetry: 'no' };
}

function holdOf({ view }: Draft, { taskId, attempt }: Attempt): Hold {
  const held = view.holds.get(taskId);
  return held?.attempt === attempt ? held : idleHold(attempt);
}

/** Nothing new was decided: see to it that the engine has been told, in this term, what was decided before. */
function drive(draft: Draft, task: Attempt, seen: Observation | undefined): void {
  const { taskId, attempt } = task;
  const hold = holdOf(draft, task);
  if (hold.submit === 'busy' || hold.stop === 'busy') return;
  if (hold.isPutOff) {
    if (task.state === 'processing' && task.note !== hold.why) {
      draft.act({ type: 'note_delay', task: { ...task, note: hold.why } });
    }
    return;
  }
  if (seen === undefined && hold.submit === 'idle') draft.act({ type: 'look_up', taskId, attempt });
  else if (task.stop !== null && hold.stop === 'idle')
    draft.act({ type: 'stop_again', taskId, attempt, graceMs: task.stop.graceMs });
  else if (seen?.state === 'unknown') draft.act({ type: 'submit_again', taskId, attempt });
}
