// BODY-ONCE, ATTEMPTS, CANCEL and ORDER: what the bodies wrote down themselves, against what the system says of them.

import { boundEnd, outcomeOf } from './evidence.ts';
import type { BodyMark, Check, FinalTask, Violation } from './evidence.ts';
import { attemptPlace, finalRuns, groupBy } from './run-places.ts';

export const BODY_ONCE: Check = {
  id: 'BODY-ONCE',
  promise: 'The body of a task began at most once for each attempt.',
  judge: ({ bodies }) =>
    [...groupBy(starts(bodies), ({ attempt }) => attempt)].flatMap(([attempt, marks]) => {
      if (marks.length === 1) return [];
      const what = `began ${marks.length} times, told by ${marks.map(({ node }) => node || 'nobody known').join(' and ')}`;
      return [{ check: 'BODY-ONCE', subject: attempt, what, at: marks[1]?.at ?? null }];
    }),
};

export const ATTEMPTS: Check = {
  id: 'ATTEMPTS',
  promise: 'Attempts are numbered without a gap, follow the retry rules, and none begins that the records do not know.',
  judge: (evidence) => {
    const begun = groupBy(starts(evidence.bodies), ({ attempt }) => attemptKey(attempt));
    const known = new Set<string>();
    const violations = [...finalRuns(evidence)].flatMap(([place, run]) =>
      run.tasks.flatMap((task) => {
        for (const { attempt } of task.attempts) known.add(`${place} ${task.task} ${attempt}`);
        return judgeTask(place, task, begun);
      }),
    );
    const unknown = [...begun].filter(([key]) => !known.has(key));
    return [...violations, ...unknown.map(([key, marks]) => unknownBody(key, marks))];
  },
};

export const ORDER: Check = {
  id: 'ORDER',
  promise: 'No body begins before the bodies of the tasks that it follows have ended.',
  judge: (evidence) => {
    const { observerMs } = evidence.bounds;
    const marks = groupBy(evidence.bodies, ({ attempt }) => taskKey(attempt));
    return [...finalRuns(evidence)].flatMap(([place, run]) =>
      run.tasks.flatMap((task) => {
        const first = earliest(marks.get(`${place} ${task.task}`) ?? []);
        const early = task.parents.filter((parent) => {
          const ends = (marks.get(`${place} ${parent}`) ?? []).filter(({ mark }) => mark === 'end');
          return first !== null && ends.some(({ at }) => at > first + observerMs);
        });
        if (early.length === 0) return [];
        const what = `began before the end of ${early.join(', ')}`;
        return [{ check: 'ORDER', subject: `${place} ${task.task}`, what, at: first }];
      }),
    );
  },
};

export const CANCEL: Check = {
  id: 'CANCEL',
  promise: 'After an acknowledged cancel no body of the run begins or ends well, beyond the stated bound.',
  judge: (evidence) => {
    const byKey = new Map([...finalRuns(evidence)].map(([place, run]) => [run.key, place]));
    const marks = groupBy(evidence.bodies, ({ attempt }) => attemptPlace({ attempt })?.place ?? '');
    return evidence.operations.flatMap((operation) => {
      const place = byKey.get(operation.key);
      if (operation.op !== 'cancel' || outcomeOf(operation) !== 'ok' || place === undefined) return [];
      const limit = boundEnd(evidence, operation.ret ?? Infinity, evidence.bounds.cancelMs);
      return (marks.get(place) ?? [])
        .filter(({ at, asked = at }) => asked > limit)
        .map(({ attempt, mark, at }) => ({
          check: 'CANCEL',
          subject: attempt,
          what: `${mark === 'start' ? 'began' : 'went on to its end'} ${Math.round(at - (operation.ret ?? at))} ms after the cancel was acknowledged`,
          at,
        }));
    });
  },
};

function starts(bodies: readonly BodyMark[]): readonly BodyMark[] {
  return bodies.filter(({ mark }) => mark === 'start');
}

function attemptKey(attempt: string): string {
  const parsed = attemptPlace({ attempt });
  return parsed === null ? attempt : `${parsed.place} ${parsed.task} ${parsed.attempt}`;
}

function taskKey(attempt: string): string {
  const parsed = attemptPlace({ attempt });
  return parsed === null ? attempt : `${parsed.place} ${parsed.task}`;
}

function earliest(marks: readonly BodyMark[]): number | null {
  const times = marks.filter(({ mark }) => mark === 'start').map(({ at }) => at);
  return times.length === 0 ? null : Math.min(...times);
}

function unknownBody(key: string, marks: readonly BodyMark[]): Violation {
  return {
    check: 'ATTEMPTS',
    subject: key,
    what: 'a body began that no record knows',
    at: marks[0]?.at ?? null,
  };
}

function judgeTask(
  place: string,
  task: FinalTask,
  begun: ReadonlyMap<string, readonly BodyMark[]>,
): readonly Violation[] {
  const subject = `${place} ${task.task}`;
  const at = begun.get(`${subject} ${task.attempts.length}`)?.[0]?.at ?? null;
  return faultsOf(task, (attempt) => begun.has(`${subject} ${attempt}`)).map((what) => ({
    check: 'ATTEMPTS',
    subject,
    what,
    at,
  }));
}

function faultsOf(task: FinalTask, hasBegun: (attempt: number) => boolean): readonly string[] {
  const { attempts, retryLimit, retryLost } = task;
  const faults: string[] = [];
  if (attempts.some(({ attempt }, index) => attempt !== index + 1)) {
    faults.push(`has the attempts ${attempts.map(({ attempt }) => attempt).join(', ')}`);
  }
  if (attempts.length > retryLimit + 1) faults.push(`has ${attempts.length} attempts, of ${retryLimit + 1} allowed`);
  for (const { attempt, outcome } of attempts.slice(0, -1)) {
    if (isGood(outcome)) faults.push(`was tried again after attempt ${attempt}, which ended well`);
    if (outcome.startsWith('lost') && !retryLost) faults.push(`was tried again after attempt ${attempt} was lost`);
  }
  const last = attempts.at(-1);
  if (task.carriedFrom === 0 && last !== undefined && isGood(last.outcome) && !hasBegun(last.attempt)) {
    faults.push(`attempt ${last.attempt} is said to have ended well, and no body began`);
  }
  if (task.status === 'successful' && task.carriedFrom === 0 && !(last !== undefined && isGood(last.outcome))) {
    faults.push('is said to be successful without an attempt that was');
  }
  return faults;
}

function isGood(outcome: string): boolean {
  return outcome === 'exit code 0';
}
