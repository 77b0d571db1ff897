// Each check of a chaos run against a run that was good but for one thing: that one check, and no check of another promise that was
// kept, has to see it.

import { describe, expect, test } from 'vitest';
import { ALL_CHECKS, judge } from '../../../chaos/checks/all-checks.ts';
import type { Evidence, EventSeen, FinalRun, FinalTask, Operation } from '../../../chaos/checks/evidence.ts';
import { judgeRuns } from '../../../chaos/checks/linear.ts';
import { RUN_MODEL } from '../../../chaos/checks/run-model.ts';
import { aTask, body, goodEvidence } from './good-evidence.ts';

function broken(evidence: Evidence): readonly string[] {
  return judge(evidence)
    .filter(({ violations }) => violations.length > 0)
    .map(({ id }) => id);
}

const operations = (change: (all: readonly Operation[]) => readonly Operation[]) => (good: Evidence) => ({
  ...good,
  operations: change(good.operations),
});
const runs = (change: (run: FinalRun) => FinalRun | null) => (good: Evidence) => ({
  ...good,
  runs: good.runs.flatMap((run) => change(run) ?? []),
});
const allEvents = (change: (all: readonly EventSeen[]) => readonly EventSeen[]) => (good: Evidence) => ({
  ...good,
  events: good.events.map((list) => ({ ...list, events: change(list.events) })),
});
const bodies = (change: (all: Evidence['bodies']) => Evidence['bodies']) => (good: Evidence) => ({
  ...good,
  bodies: change(good.bodies),
});
const withTask = (runId: number, task: FinalTask) =>
  runs((run) => (run.runId === runId ? { ...run, tasks: [task] } : run));

const at = (time: number) => ({ proc: 9, call: time, ret: time + 5, node: 'balancer' });
const failing = { status: 'failed', attempts: [{ attempt: 1, outcome: 'exit code 1' }], retryLimit: 0 } as const;

const SPOILED: readonly {
  readonly name: string;
  readonly spoil: (good: Evidence) => Evidence;
  readonly seenBy: readonly string[];
}[] = [
  {
    name: 'an acknowledged run that no node knows',
    spoil: operations((all) => [
      ...all,
      { ...at(4_500), op: 'start', key: 'k9', in: { pipeline: 'flow' }, out: { runId: 9 } },
    ]),
    seenBy: ['RUN-END'],
  },
  {
    name: 'an acknowledged run that one node does not know',
    spoil: runs((run) => (run.node === 'node-2' && run.runId === 1 ? null : run)),
    seenBy: ['RUN-END'],
  },
  {
    name: 'a retry whose new run was lost',
    spoil: (good) =>
      runs((run) => (run.runId === 3 ? null : run))(allEvents((all) => all.filter((e) => e.runId < 3))(good)),
    seenBy: ['RUN-END', 'ATTEMPTS'],
  },
  {
    name: 'a run that never ends',
    spoil: (good) =>
      runs((run) => (run.runId === 3 ? { ...run, state: 'running', status: 'unknown' } : run))(
        allEvents((all) => all.filter((e) => !(e.runId === 3 && e.kind === 'completed_run')))(good),
      ),
    seenBy: ['RUN-END', 'RUN-SAME', 'EVENT-ALL'],
  },
  {
    name: 'two nodes that tell two outcomes',
    spoil: runs((run) => (run.runId === 3 && run.node === 'node-2' ? { ...run, status: 'failed' } : run)),
    seenBy: ['RUN-SAME'],
  },
  {
    name: 'two nodes that tell two outcomes of a task',
    spoil: runs((run) =>
      run.runId === 3 && run.node === 'node-2' ? { ...run, tasks: [aTask('first', failing)] } : run,
    ),
    seenBy: ['RUN-SAME'],
  },
  {
    name: 'a run that the events start twice',
    spoil: allEvents((all) => {
      const last = all.at(-1);
      return last === undefined ? all : [...all.slice(0, -1), { ...last, kind: 'started_run' }, last];
    }),
    seenBy: ['EVENT-ORDER', 'EVENT-ALL'],
  },
  {
    name: 'one key that made two runs',
    spoil: (good) => ({
      ...good,
      runs: good.runs.map((run) => (run.runId === 3 ? { ...run, key: 'k1' } : run)),
    }),
    seenBy: ['RUN-END', 'RUN-ONCE'],
  },
  {
    name: 'a body that began twice',
    spoil: bodies((all) => [...all, { mark: 'start', attempt: 'default_flow_1_first_1', at: 3_900, node: 'node-1' }]),
    seenBy: ['BODY-ONCE'],
  },
  {
    name: 'a body of an attempt that no record knows',
    spoil: bodies((all) => [...all, ...body('default_flow_1_first_2', { node: 'node-1', from: 3_052, to: 3_055 })]),
    seenBy: ['ATTEMPTS'],
  },
  {
    name: 'a body of a run that nobody knows',
    spoil: bodies((all) => [...all, ...body('default_flow_8_first_1', { node: 'node-1', from: 4_000, to: 4_010 })]),
    seenBy: ['ATTEMPTS'],
  },
  {
    name: 'more attempts than the rules allow',
    spoil: withTask(
      2,
      aTask('first', {
        ...failing,
        attempts: [1, 2].map((attempt) => ({ attempt, outcome: 'exit code 1' })),
      }),
    ),
    seenBy: ['ATTEMPTS'],
  },
  {
    name: 'an attempt after one that ended well',
    spoil: withTask(
      2,
      aTask('first', {
        ...failing,
        retryLimit: 1,
        attempts: [
          { attempt: 1, outcome: 'exit code 0' },
          { attempt: 2, outcome: 'exit code 1' },
        ],
      }),
    ),
    seenBy: ['ATTEMPTS'],
  },
  {
    name: 'an attempt after one that was lost, which nobody allowed',
    spoil: withTask(
      2,
      aTask('first', {
        ...failing,
        retryLimit: 1,
        attempts: [
          { attempt: 1, outcome: 'lost: the machine is gone' },
          { attempt: 2, outcome: 'exit code 1' },
        ],
      }),
    ),
    seenBy: ['ATTEMPTS'],
  },
  {
    name: 'a task that was successful without a body',
    spoil: bodies((all) => all.filter(({ attempt }) => attempt !== 'default_flow_3_first_1')),
    seenBy: ['ATTEMPTS'],
  },
  {
    name: 'a body that began before its parent had ended',
    spoil: bodies((all) =>
      all.map((mark) =>
        mark.attempt === 'default_flow_1_first_1' && mark.mark === 'end' ? { ...mark, at: 3_085 } : mark,
      ),
    ),
    seenBy: ['ORDER'],
  },
  {
    name: 'a body that began long after the cancel',
    spoil: operations((all) => [...all, { ...at(4_500), op: 'cancel', key: 'k3', in: {}, out: {} }]),
    seenBy: ['CANCEL'],
  },
  {
    name: 'a term that goes back',
    spoil: (good) => ({ ...good, terms: good.terms.map((term) => ({ ...term, term: 100 - term.term })) }),
    seenBy: ['TERM'],
  },
  {
    name: 'two leaders at once',
    spoil: (good) => ({ ...good, terms: good.terms.map((term) => ({ ...term, from: Math.min(term.from, 4_000) })) }),
    seenBy: ['TERM'],
  },
  {
    name: 'a body that an old leader started long after its term',
    spoil: bodies((all) =>
      all.map((mark) => (mark.attempt === 'default_flow_3_first_1' ? { ...mark, node: 'node-1' } : mark)),
    ),
    seenBy: ['EFFECT'],
  },
  {
    name: 'a body that a node started which never led',
    spoil: bodies((all) =>
      all.map((mark) => (mark.attempt === 'default_flow_1_first_1' ? { ...mark, node: 'node-3' } : mark)),
    ),
    seenBy: ['EFFECT'],
  },
  {
    name: 'a read that is older than an acknowledged start',
    spoil: operations((all) => [...all, { ...at(3_150), op: 'get', key: 'k1', in: {}, err: 'not found' }]),
    seenBy: ['LINEAR'],
  },
  {
    name: 'a run that was cancelled by nobody',
    spoil: operations((all) =>
      all.map((each) =>
        each.op === 'get' && each.out?.state === 'complete'
          ? { ...each, out: { runId: 1, state: 'complete', status: 'cancelled' } }
          : each,
      ),
    ),
    seenBy: ['LINEAR'],
  },
  {
    name: 'a client that sees its run go back',
    spoil: operations((all) => [
      ...all,
      { ...at(3_120), proc: 1, op: 'get', key: 'k1', in: {}, out: { runId: 1, state: 'pending', status: 'unknown' } },
    ]),
    seenBy: ['LINEAR', 'SESSION'],
  },
  {
    name: 'an event that is missing on all nodes',
    spoil: allEvents((all) => all.filter((_event, index) => index !== 4)),
    seenBy: ['EVENT-ORDER', 'EVENT-ALL'],
  },
  {
    name: 'an event that one node tells twice',
    spoil: (good) => ({
      ...good,
      events: good.events.map((list, index) =>
        index === 0 ? list : { ...list, events: list.events.flatMap((e, n) => (n === 5 ? [e, e] : [e])) },
      ),
    }),
    seenBy: ['EVENT-ORDER', 'EVENT-SAME', 'EVENT-ALL'],
  },
  {
    name: 'a follower that missed the events between two streams',
    spoil: (good) => ({
      ...good,
      events: [
        ...good.events,
        { reader: 'follower', whole: false, events: [...told(good).slice(2, 5), ...told(good).slice(7)] },
      ],
    }),
    seenBy: ['EVENT-ORDER'],
  },
  {
    name: 'an event that one node tells differently',
    spoil: (good) => ({
      ...good,
      events: good.events.map((list, index) =>
        index === 0
          ? list
          : { ...list, events: list.events.map((e) => (e.runId === 1 ? { ...e, task: e.task && 'other' } : e)) },
      ),
    }),
    seenBy: ['EVENT-SAME', 'EVENT-ALL'],
  },
  {
    name: 'an upload that is gone on one node',
    spoil: (good) => ({
      ...good,
      objects: good.objects.map((object) => (object.node === 'node-2' ? { ...object, sha256: null } : object)),
    }),
    seenBy: ['OBJECT'],
  },
  {
    name: 'an upload that has other bytes',
    spoil: (good) => ({ ...good, objects: good.objects.map((object) => ({ ...object, sha256: 'abd' })) }),
    seenBy: ['OBJECT'],
  },
  {
    name: 'an upload that nobody looked for at the end',
    spoil: (good) => ({ ...good, objects: [] }),
    seenBy: ['OBJECT'],
  },
  {
    name: 'an upload that is not found right after it was acknowledged',
    spoil: operations((all) =>
      all.map((each) =>
        each.op === 'read' ? { ...at(4_010), op: 'read', key: 'o1', in: {}, err: 'not found' } : each,
      ),
    ),
    seenBy: ['OBJECT'],
  },
  {
    name: 'a log that is read back empty',
    spoil: operations((all) => all.map((each) => (each.op === 'log' ? { ...each, out: { text: '' } } : each))),
    seenBy: ['LOG'],
  },
  {
    name: "a log that lacks its end, or that is another body's",
    spoil: (good) => withLogs(good, 'begins flow/1/first\n'),
    seenBy: ['LOG'],
  },
  {
    name: 'a log that a killed daemon spoiled',
    spoil: (good) => losing(withLogs(good, 'ends\nbegins flow/1/first\n')),
    seenBy: ['LOG'],
  },
  {
    name: 'a fault that hit an idle cluster',
    spoil: (good) => ({ ...good, faults: good.faults.map((fault) => ({ ...fault, from: 9_000, to: 9_100 })) }),
    seenBy: ['TRAFFIC'],
  },
  {
    name: 'a fault that did nothing',
    spoil: (good) => ({ ...good, faults: good.faults.map((fault) => ({ ...fault, proof: null })) }),
    seenBy: ['FAULT'],
  },
];

/** Each fault of it killed whoever read what the bodies print. */
function losing(good: Evidence): Evidence {
  return { ...good, faults: good.faults.map((fault) => ({ ...fault, losesOutput: true })) };
}

function withLogs(good: Evidence, log: string): Evidence {
  const tasksOf = ({ tasks }: FinalRun) =>
    (tasks ?? []).map((task) => ({ ...task, log: task.log === null ? null : log }));
  return { ...good, runs: good.runs.map((run) => ({ ...run, tasks: tasksOf(run) })) };
}

function told({ events }: Evidence): readonly EventSeen[] {
  return events[0]?.events ?? [];
}

describe('checks', () => {
  test('a fault that joined another one may come when clients still wait', () => {
    const good = goodEvidence();
    const idle = good.faults.map((fault) => ({ ...fault, from: 9_000, to: 9_100, joins: true }));
    expect(broken({ ...good, faults: idle })).toEqual([]);
  });

  test('a log may miss lines that were in the hands of a killed daemon', () => {
    const evidence = losing(goodEvidence());
    const first = (task: FinalTask) => (task.task === 'first' ? { ...task, log: 'ends\n' } : task);
    const spoiled = evidence.runs.map((run) => ({ ...run, tasks: (run.tasks ?? []).map(first) }));
    expect(broken({ ...evidence, runs: spoiled })).toEqual([]);
    const kept = evidence.faults.map((fault) => ({ ...fault, losesOutput: false }));
    expect(broken({ ...evidence, runs: spoiled, faults: kept })).toContain('LOG');
  });

  test('a good run is found good', () => {
    expect(judge(goodEvidence()).flatMap(({ violations }) => violations)).toEqual([]);
  });

  test.each(SPOILED)('$name is seen by $seenBy', ({ spoil, seenBy }) => {
    expect([...broken(spoil(goodEvidence()))].sort()).toEqual([...seenBy].sort());
  });

  test('every check has a bad run that it refuses', () => {
    const proven = new Set(SPOILED.flatMap(({ seenBy }) => seenBy));
    expect(ALL_CHECKS.map(({ id }) => id).filter((id) => !proven.has(id))).toEqual([]);
  });

  test('a start without an answer may have made a run or none', () => {
    const { ret: _never, ...call } = at(4_500);
    const lost: Operation = { ...call, op: 'start', key: 'k4', in: { pipeline: 'flow' }, err: 'timed out' };
    const without = operations((all) => [...all, lost])(goodEvidence());
    const seen: Operation = {
      ...{ ...at(4_600), op: 'get', key: 'k4', in: {} },
      out: { runId: 4, state: 'pending', status: 'unknown' },
    };
    expect(broken(without)).toEqual([]);
    expect(broken(operations((all) => [...all, seen])(without))).toEqual([]);
  });

  test('while the engine stands still, the bounds do as well', () => {
    const cancel: Operation = { ...at(4_500), op: 'cancel', key: 'k3', in: {}, out: {} };
    const late = operations((all) => [...all, cancel])(goodEvidence());
    const hang = { name: 'hang', target: 'engine', from: 4_600, to: 6_000, proof: 'frozen', holdsEngine: true };
    expect(broken(late)).toEqual(['CANCEL']);
    expect(broken({ ...late, faults: [hang] })).toEqual([]);
  });

  test('a search for an order that takes too long fails the test', () => {
    const { operations: all } = goodEvidence();
    expect(judgeRuns({ operations: all }, RUN_MODEL, 1)[0]?.what).toContain('was not found in 1 steps');
  });
});
