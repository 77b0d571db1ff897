// What the end of an attempt means for its task, and what the ends of all tasks mean for the run (spec 4.1, 5.2, 5.3).

import type { ParentRule, RetryPolicy } from '../../store/model/config.ts';
import { attemptId, parseTaskId } from '../../store/model/ids.ts';
import type { Instant, TaskId } from '../../store/model/ids.ts';
import type {
  AttemptEnd,
  CompleteRun,
  CompleteTask,
  LogPlace,
  PastAttempt,
  ProcessingTask,
  RunningTask,
  StatusReason,
  StopIntent,
  TaskExecution,
  TaskReason,
  TaskStatus,
  WaitingTask,
} from '../../store/model/run.ts';
import type { RunReason } from '../../store/model/run.ts';

/** The exit code that the contract shows for everything that is not a real exit. */
const NO_EXIT_CODE = 1;

/** Shells report 128 + n for a body ended by signal n; tools expect the same from us. */
const SIGNAL_BASE = 128;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** More names in a reason help nobody, and the reason is stored with the run. */
const NAMED_TASKS_MAX = 5;

export interface Verdict {
  readonly status: TaskStatus;
  readonly reason: StatusReason<TaskReason> | null;
  readonly exitCode: number;
  /** Whether the retry policy may start another attempt. */
  readonly mayRetry: 'yes' | 'no' | 'only_if_lost_allowed';
}

export function judge(end: AttemptEnd, stop: StopIntent | null): Verdict {
  const seen = judgeEnd(end);
  if (stop === null) return seen;
  const { exitCode } = seen;
  switch (stop.cause) {
    case 'cancel':
      return {
        status: 'cancelled',
        reason: { reason: 'cancelled', description: 'it was cancelled' },
        exitCode: NO_EXIT_CODE,
        mayRetry: 'no',
      };
    case 'task_timeout':
      return {
        status: 'failed',
        reason: abnormal('its time limit was reached'),
        exitCode: exitCode === 0 ? NO_EXIT_CODE : exitCode,
        mayRetry: 'yes',
      };
    case 'run_timeout':
      return {
        status: 'failed',
        reason: abnormal("the run's time limit was reached"),
        exitCode: exitCode === 0 ? NO_EXIT_CODE : exitCode,
        mayRetry: 'no',
      };
  }
}

function judgeEnd(end: AttemptEnd): Verdict {
  switch (end.kind) {
    case 'exited':
      if (end.code === 0) return { status: 'successful', reason: null, exitCode: 0, mayRetry: 'no' };
      return {
        status: 'failed',
        reason: abnormal(`exit code ${end.code}`),
        exitCode: end.code & 0xff,
        mayRetry: 'yes',
      };
    case 'signalled':
      return {
        status: 'failed',
        reason: abnormal(`ended by ${end.signal}`),
        exitCode: signalCode(end.signal),
        mayRetry: 'yes',
      };
    case 'out_of_memory':
      return { status: 'failed', reason: abnormal('out of memory'), exitCode: signalCode('SIGKILL'), mayRetry: 'yes' };
    case 'not_started':
      return {
        status: 'failed',
        reason: { reason: 'scheduler_error', description: end.why },
        exitCode: NO_EXIT_CODE,
        mayRetry: 'yes',
      };
    case 'lost':
      return {
        status: 'unknown',
        reason: { reason: 'orphaned', description: end.why },
        exitCode: NO_EXIT_CODE,
        mayRetry: 'only_if_lost_allowed',
      };
  }
}

export function mayRetry(verdict: Verdict, policy: RetryPolicy, pastAttempts: number): boolean {
  if (pastAttempts >= policy.limit) return false;
  return verdict.mayRetry === 'yes' || (verdict.mayRetry === 'only_if_lost_allowed' && policy.onLost);
}

/**
 * Milliseconds until the next attempt: the back-off doubles with each one up to its maximum, and is spread over its upper half
 * by a hash of the attempt's id, so that many tasks that failed together do not come back together. A hash and not
 * a draw, because the planner is pure.
 */
export function retryDelayMs(policy: RetryPolicy, task: ProcessingTask | RunningTask): number {
  const full = longestDelayMs(policy, task.past.length);
  return Math.round(full / 2 + (full / 2) * fraction(attemptId(task, task.attempt)));
}

/** Of the wait that follows an attempt which had `earlier` others before it. */
export function longestDelayMs({ backoffMs, maxBackoffMs }: RetryPolicy, earlier: number): number {
  return Math.min(backoffMs * 2 ** Math.min(Math.max(0, earlier), 40), maxBackoffMs);
}

/** FNV-1a over the text, as a number from 0 (included) to 1 (excluded). */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}

export interface Ending {
  readonly end: AttemptEnd;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
}

export function pastAttempt(task: ProcessingTask | RunningTask, ending: Ending): PastAttempt {
  const startedAt = task.state === 'running' ? task.startedAt : ending.startedAt;
  // Start and end may come from different clocks: a file's time and the moment of a look.
  return { attempt: task.attempt, startedAt, endedAt: Math.max(startedAt, ending.endedAt), end: ending.end };
}

export function waitForRetry(task: ProcessingTask | RunningTask, ending: Ending, retryAt: Instant): WaitingTask {
  const { namespaceId, pipelineId, runId, taskId, created, past } = task;
  return {
    namespaceId,
    pipelineId,
    runId,
    taskId,
    created,
    state: 'waiting',
    past: [...past, pastAttempt(task, ending)],
    retryAt,
  };
}

export interface Completion {
  readonly status: TaskStatus;
  readonly reason: StatusReason<TaskReason> | null;
  readonly exitCode: number;
  readonly ended: Instant;
  readonly logs: LogPlace;
  /** How its newest attempt ended; null when there was none. */
  readonly last: PastAttempt | null;
}

export function completed(task: TaskExecution, completion: Completion): CompleteTask {
  const { namespaceId, pipelineId, runId, taskId, created, past } = task;
  const { status, reason, exitCode, ended, logs, last } = completion;
  return {
    namespaceId,
    pipelineId,
    runId,
    taskId,
    created,
    state: 'complete',
    status,
    statusReason: reason,
    exitCode,
    startedAt: last?.startedAt ?? past.at(-1)?.startedAt ?? 0,
    ended,
    past: last === null ? past : [...past, last],
    logs,
    carriedFrom: 0,
  };
}

/** A task that never came to an attempt in this run, or not to a further one. */
export function endedWithoutAttempt(
  task: WaitingTask,
  verdict: { readonly status: 'skipped' | 'cancelled'; readonly description: string },
  now: Instant,
): CompleteTask {
  const { status, description } = verdict;
  const reason: TaskReason = status === 'skipped' ? 'failed_precondition' : 'cancelled';
  const logs: LogPlace = task.past.length > 0 ? 'engine' : 'none';
  return completed(task, {
    status,
    reason: { reason, description },
    exitCode: NO_EXIT_CODE,
    ended: now,
    logs,
    last: null,
  });
}

/** Spec 5.3. An `any` child does not run after a cancelled or unknown parent. */
export function satisfies(rule: ParentRule, status: TaskStatus): boolean {
  switch (rule) {
    case 'any':
      return status === 'successful' || status === 'failed' || status === 'skipped';
    case 'success':
      return status === 'successful';
    case 'failure':
      return status === 'failed';
    case 'unknown':
      return false;
  }
}

export interface RunVerdict {
  readonly status: CompleteRun['status'];
  readonly reason: StatusReason<RunReason> | null;
}

/** The run's status once all of its tasks are complete (spec 4.1 with fixes 38 to 40). */
export function judgeRun(
  run: { readonly cancelledBy: string | null; readonly timedOut: boolean },
  tasks: Iterable<CompleteTask>,
): RunVerdict {
  if (run.cancelledBy !== null) {
    return {
      status: 'cancelled',
      reason: { reason: 'user_cancelled', description: `cancelled by ${run.cancelledBy}` },
    };
  }
  const bad = [...tasks].filter((task) => task.status !== 'successful' && task.status !== 'skipped');
  if (run.timedOut)
    return { status: 'failed', reason: { reason: 'abnormal_exit', description: 'its time limit was reached' } };
  if (bad.length === 0) return { status: 'successful', reason: null };
  const named = bad.slice(0, NAMED_TASKS_MAX).map((task) => `${task.taskId} ${badWord(task)}`);
  const more = bad.length - named.length;
  const description = more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
  return { status: 'failed', reason: { reason: runReason(bad), description } };
}

function runReason(bad: readonly CompleteTask[]): RunReason {
  const reasons = new Set(bad.map((task) => task.statusReason?.reason));
  if (reasons.size !== 1) return 'abnormal_exit';
  const [only] = reasons;
  return only === 'scheduler_error' || only === 'failed_precondition' ? only : 'abnormal_exit';
}

function badWord(task: CompleteTask): string {
  const why = task.statusReason?.description;
  const word = task.status === 'unknown' ? 'was lost' : task.status === 'cancelled' ? 'was cancelled' : 'failed';
  return why === undefined || task.status === 'cancelled' ? word : `${word} (${why})`;
}

function signalCode(signal: string): number {
  const number = SIGNAL_NUMBERS[signal];
  return number === undefined ? NO_EXIT_CODE : SIGNAL_BASE + number;
}

function abnormal(description: string): StatusReason<TaskReason> {
  return { reason: 'abnormal_exit', description };
}

/** Which parent stands in the way, if any; all parents are complete. */
export function unmetParent(
  dependsOn: Readonly<Record<string, ParentRule>>,
  statusOf: (parent: TaskId) => TaskStatus,
): string | null {
  for (const [parent, rule] of Object.entries(dependsOn)) {
    const status = statusOf(parseTaskId(parent));
    if (!satisfies(rule, status)) return `${parent} ended ${status}, and ${ruleWords(rule)} was required`;
  }
  return null;
}

function ruleWords(rule: ParentRule): string {
  switch (rule) {
    case 'any':
      return 'an end that is not cancelled';
    case 'success':
      return 'success';
    case 'failure':
      return 'failure';
    case 'unknown':
      return 'something that never comes';
  }
}
