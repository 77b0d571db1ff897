// RUN-END, RUN-SAME and RUN-ONCE: no acknowledged run is lost or left open, none has two outcomes, no key has two runs.

import { outcomeOf } from './evidence.ts';
import type { Check, Evidence, FinalRun, Violation } from './evidence.ts';
import { groupBy, runPlace } from './run-places.ts';

export const RUN_END: Check = {
  id: 'RUN-END',
  promise: 'Every run whose start or retry was acknowledged exists at the end, and is over.',
  judge: (evidence) => [...missingRuns(evidence), ...openRuns(evidence)],
};

export const RUN_SAME: Check = {
  id: 'RUN-SAME',
  promise: 'Every run has one outcome, the same on all nodes, and told once by the events.',
  judge: (evidence) => [...differentOutcomes(evidence), ...toldOutcomes(evidence)],
};

export const RUN_ONCE: Check = {
  id: 'RUN-ONCE',
  promise: 'One key makes one run, however often it was sent and through whichever nodes.',
  judge: ({ runs }) =>
    [...groupBy(runs, ({ key }) => key)].flatMap(([key, ofKey]) => {
      const places = new Set(ofKey.map(runPlace));
      if (places.size === 1) return [];
      return [{ check: 'RUN-ONCE', subject: key, what: `made the runs ${[...places].join(', ')}`, at: null }];
    }),
};

function missingRuns({ operations, runs }: Evidence): readonly Violation[] {
  const nodes = new Set(runs.map(({ node }) => node));
  const told = new Set(runs.map((run) => `${run.node} ${run.key} ${run.runId}`));
  return operations.flatMap((operation) => {
    if (operation.op !== 'start' && operation.op !== 'retry') return [];
    if (outcomeOf(operation) !== 'ok' || operation.out === undefined) return [];
    const key = operation.op === 'start' ? operation.key : operation.in.newKey;
    const { runId } = operation.out;
    const without = [...nodes].filter((node) => !told.has(`${node} ${key} ${runId}`));
    if (without.length === 0 && nodes.size > 0) return [];
    const what = `run ${runId} was acknowledged and is not known to ${without.join(', ') || 'any node'}`;
    return [{ check: 'RUN-END', subject: key, what, at: operation.call }];
  });
}

function openRuns({ runs }: Evidence): readonly Violation[] {
  return runs
    .filter(({ state }) => state !== 'complete')
    .map((run) => ({
      check: 'RUN-END',
      subject: run.key,
      what: `run ${runPlace(run)} is still ${run.state} on ${run.node}`,
      at: null,
    }));
}

function differentOutcomes({ runs }: Evidence): readonly Violation[] {
  return [...groupBy(runs, runPlace)].flatMap(([place, told]) => {
    const withTasks = told.filter(({ tasks }) => tasks !== null);
    const isSame = new Set(told.map(ending)).size <= 1 && new Set(withTasks.map(summary)).size <= 1;
    if (isSame) return [];
    const what = told.map((run) => `${run.node} says ${summary(run)}`).join('; ');
    return [{ check: 'RUN-SAME', subject: place, what, at: null }];
  });
}

function ending({ state, status }: FinalRun): string {
  return `${state} ${status}`;
}

function summary(run: FinalRun): string {
  return [ending(run), ...(run.tasks ?? []).map((each) => `${each.task} ${each.state} ${each.status}`)].join(', ');
}

function toldOutcomes({ events, runs }: Evidence): readonly Violation[] {
  const statuses = new Map(runs.map((run) => [runPlace(run), run.status]));
  const whole = events.filter((list) => list.whole);
  return whole.flatMap(({ reader, events: told }) => {
    const ends = groupBy(
      told.filter(({ kind }) => kind === 'completed_run'),
      runPlace,
    );
    return [...statuses].flatMap(([place, status]) => {
      const seen = (ends.get(place) ?? []).map((event) => event.status);
      if (seen.length === 1 && seen[0] === status) return [];
      const what = `ended ${status}, and ${reader} told of the ends ${seen.join(', ') || 'none'}`;
      return [{ check: 'RUN-SAME', subject: place, what, at: null }];
    });
  });
}
