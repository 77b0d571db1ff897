// A small chaos run in which everything went well. Tests spoil one thing of it.

import { makeEventId } from '../../../store/model/event.ts';
import type { EventSeen, Evidence, FinalRun, FinalTask, Operation } from '../../../chaos/checks/evidence.ts';

const NODES = ['node-1', 'node-2'];

/** One run of two tasks, cancelled by nobody; a second that failed, was retried and went well; an object. */
export function goodEvidence(): Evidence {
  return {
    operations: OPERATIONS,
    bodies: [
      ...body('default_flow_1_first_1', { node: 'node-1', from: 3_010, to: 3_050 }),
      ...body('default_flow_1_second_1', { node: 'node-1', from: 3_060, to: 3_090 }),
      ...body('default_flow_2_first_1', { node: 'node-1', from: 3_200, to: 3_220 }),
      ...body('default_flow_2_first_2', { node: 'node-1', from: 3_240, to: 3_260 }),
      ...body('default_flow_3_first_1', { node: 'node-2', from: 6_100, to: 6_150 }),
    ],
    terms: [
      { term: 7, name: 'node-1', nodeId: 'a', from: 0, to: 5_000 },
      { term: 90, name: 'node-2', nodeId: 'b', from: 5_400, to: null },
    ],
    runs: NODES.flatMap((node) => [
      aRun({
        node,
        runId: 1,
        key: 'k1',
        tasks: [aTask('first', { log: 'begins flow/1/first\nends\n' }), aTask('second', { parents: ['first'] })],
      }),
      aRun({
        ...{ node, runId: 2, key: 'k2', status: 'failed' },
        tasks: [
          aTask('first', {
            status: 'failed',
            log: 'begins flow/2/first\n',
            retryLimit: 1,
            attempts: [
              { attempt: 1, outcome: 'exit code 1' },
              { attempt: 2, outcome: 'exit code 1' },
            ],
          }),
        ],
      }),
      aRun({ node, runId: 3, key: 'k3', tasks: [aTask('first')] }),
    ]),
    events: NODES.map((reader) => ({ reader, whole: true, events: EVENTS })),
    objects: NODES.map((node) => ({ node, key: 'o1', sha256: 'abc' })),
    faults: [{ name: 'kill', target: 'node-1', from: 5_000, to: 5_100, proof: 'exit by SIGKILL' }],
    bounds: { effectMs: 500, cancelMs: 1_000, observerMs: 20, callsMin: 5 },
  };
}

export function aRun(given: Partial<FinalRun> & Pick<FinalRun, 'runId' | 'key'>): FinalRun {
  return { node: 'node-1', pipeline: 'flow', state: 'complete', status: 'successful', tasks: [], ...given };
}

export function aTask(task: string, given: Partial<FinalTask> = {}): FinalTask {
  return {
    task,
    state: 'complete',
    status: 'successful',
    attempts: [{ attempt: 1, outcome: 'exit code 0' }],
    retryLimit: 0,
    retryLost: false,
    parents: [],
    carriedFrom: 0,
    log: null,
    ...given,
  };
}

export function body(
  attempt: string,
  { node, from, to }: { readonly node: string; readonly from: number; readonly to: number },
): Evidence['bodies'] {
  return [
    { mark: 'start', attempt, at: from, node },
    { mark: 'end', attempt, at: to, node },
  ];
}

const call = (proc: number, at: number) => ({ proc, call: at, ret: at + 5, node: 'balancer' });

const OPERATIONS: readonly Operation[] = [
  { ...call(1, 3_000), op: 'start', key: 'k1', in: { pipeline: 'flow' }, out: { runId: 1 } },
  { ...call(1, 3_010), op: 'get', key: 'k1', in: {}, out: { runId: 1, state: 'running', status: 'unknown' } },
  { ...call(1, 3_100), op: 'get', key: 'k1', in: {}, out: { runId: 1, state: 'complete', status: 'successful' } },
  { ...call(1, 4_050), op: 'log', key: 'flow/1/first', in: {}, out: { text: 'begins flow/1/first\nends\n' } },
  { ...call(2, 3_180), op: 'start', key: 'k2', in: { pipeline: 'flow' }, out: { runId: 2 } },
  { ...call(2, 3_400), op: 'retry', key: 'k2', in: { newKey: 'k3' }, out: { runId: 3 } },
  { ...call(3, 4_000), op: 'put', key: 'o1', in: { sha256: 'abc' }, out: {} },
  { ...call(3, 4_010), op: 'read', key: 'o1', in: {}, out: { sha256: 'abc' } },
];

function eventsOf(runId: number, tasks: readonly string[], status: string): readonly Omit<EventSeen, 'id'>[] {
  const of = { pipeline: 'flow', runId, task: '', status: '' };
  return [
    { ...of, kind: 'queued_run' },
    { ...of, kind: 'started_run' },
    ...tasks.flatMap((task) => [
      { ...of, kind: 'created_task_execution', task },
      { ...of, kind: 'started_task_execution', task },
      { ...of, kind: 'completed_task_execution', task, status },
    ]),
    { ...of, kind: 'completed_run', status },
  ];
}

/** Two in each segment. */
const EVENTS: readonly EventSeen[] = [
  ...eventsOf(1, ['first', 'second'], 'successful'),
  ...eventsOf(2, ['first'], 'failed'),
  ...eventsOf(3, ['first'], 'successful'),
].map((event, index) => ({
  ...event,
  id: makeEventId(1_000_000 + index, { segment: 1 + Math.floor(index / 2), index: index % 2 }),
}));
