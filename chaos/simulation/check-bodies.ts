// Checks on what happens outside of the store: bodies, and who tells engines what (I2, I4, I5, I18).

import { attemptId, parseAttemptId, runKeyText } from '../../store/model/ids.ts';
import type { PastAttempt } from '../../store/model/run.ts';
import type { BodyTruth } from './bodies.ts';
import { endText } from './bodies.ts';
import type { Checks, Chronicle, Commit, Effect, Fail, TaskChange } from './chronicle.ts';
import { SIMULATED_TIMINGS } from './fixtures.ts';

/** A leader whose lease was taken away early trusts itself until then, by a clock that may run slow. */
const ACT_BOUND_MS = SIMULATED_TIMINGS.holdMs / 0.95 + 20;

export function createBodyChecks(chronicle: Chronicle): readonly Checks[] {
  return [
    {
      bodyStarted: (truth, fail) => {
        if (truth.starts > 1) fail('I2', `the body of ${truth.id} was started ${truth.starts} times`);
        checkIntent(chronicle, truth, fail);
      },
    },
    { acted: (effect, fail) => checkReign(chronicle, effect, fail) },
    { committed: (commit, fail) => checkOutcomes(chronicle, commit, fail) },
  ];
}

function checkIntent(chronicle: Chronicle, { id }: BodyTruth, fail: Fail): void {
  const key = parseAttemptId(id);
  const task = key === null ? undefined : chronicle.tasks.get(runKeyText(key))?.get(key.taskId);
  if (key === null || task === undefined) return fail('I5', `the body of ${id} started without a record`);
  if (task.past.some(({ attempt }) => attempt === key.attempt)) {
    return fail('I5', `the body of ${id} started after its end was recorded`);
  }
  if ('attempt' in task && task.attempt === key.attempt) return;
  fail('I5', `the body of ${id} started while its task was ${task.state} after ${task.past.length} attempts`);
}

function checkReign(chronicle: Chronicle, { process, call, term }: Effect, fail: Fail): void {
  const reign = term === null ? undefined : chronicle.reigns.get(term);
  if (reign === undefined) return fail('I4', `${process.name} calls ${call} and has never led`);
  if (reign.endedMs === null) return;
  const lateMs = chronicle.nowMs - reign.endedMs;
  if (lateMs <= ACT_BOUND_MS) return;
  fail('I4', `${process.name} calls ${call} ${Math.round(lateMs)} ms after its term ${String(term)} had ended`);
}

function checkOutcomes(chronicle: Chronicle, { tasks }: Commit, fail: Fail): void {
  for (const change of tasks) for (const past of newlyPast(change)) checkOutcome(chronicle, change, past, fail);
}

function newlyPast({ before, after }: TaskChange): readonly PastAttempt[] {
  // What a retried run takes over from another one happened there.
  if (after.state === 'complete' && after.carriedFrom > 0) return [];
  return after.past.slice(before?.past.length ?? 0);
}

function checkOutcome(chronicle: Chronicle, { after }: TaskChange, past: PastAttempt, fail: Fail): void {
  const id = attemptId(after, past.attempt);
  const truth = chronicle.truths.get(id);
  const said = endText(past.end);
  switch (past.end.kind) {
    case 'not_started':
      if (truth !== undefined) fail('I18', `${id} is recorded as "${said}", and its body ran`);
      return;
    case 'lost':
      return checkLost(id, past.end.why, truth, fail);
    case 'exited':
    case 'signalled':
    case 'out_of_memory': {
      const was = truth === undefined ? 'never started' : truth.end === null ? 'still running' : endText(truth.end);
      if (was !== said && !SAME.some(([code, signal]) => said.endsWith(code) && was.endsWith(signal)))
        fail('I18', `${id} is recorded as "${said}", and was ${was}`);
    }
  }
}

/** Docker tells a signal only by the exit code, unless the very node that sent it is asked. */
const SAME = [
  ['exited with 143', 'SIGTERM'],
  ['exited with 137', 'SIGKILL'],
] as const;

/** Only where an engine cannot tell: a start that was being undone, or that the daemon did not live to write down. */
const HONEST_LOSSES = [
  'it was started while it was being removed',
  'an unfinished start was being undone',
  'the Docker daemon was killed while it started the container',
];

function checkLost(id: string, why: string, truth: BodyTruth | undefined, fail: Fail): void {
  if (HONEST_LOSSES.some((reason) => why.startsWith(reason))) return;
  fail('I18', `${id} is recorded as lost (${why}), and its body ${truth === undefined ? 'never ran' : 'was there'}`);
}
