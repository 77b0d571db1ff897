import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NamespaceId, PipelineId, RunId, RunKey } from '../../../../store/model/ids.ts';
import { createRunQueue } from '../../../../scheduler/plan/queue.ts';

const key = (pipeline: string, runId: number): RunKey => ({
  namespaceId: 'default' as NamespaceId,
  pipelineId: pipeline as PipelineId,
  runId: runId as RunId,
});
const ids = (runs: readonly { readonly key: RunKey }[]) => runs.map((run) => `${run.key.pipelineId}${run.key.runId}`);

test('queue: the oldest run comes first, over all pipelines', () => {
  const queue = createRunQueue(10);
  queue.add({ key: key('b', 1), order: 2, parallelism: 5 });
  queue.add({ key: key('a', 1), order: 1, parallelism: 5 });
  queue.add({ key: key('a', 2), order: 3, parallelism: 5 });
  expect(ids(queue.admit(10))).toEqual(['a1', 'b1', 'a2']);
});

test('queue: a run that its pipeline holds back does not hold back another pipeline', () => {
  const queue = createRunQueue(10);
  queue.add({ key: key('a', 1), order: 1, parallelism: 1 });
  queue.add({ key: key('a', 2), order: 2, parallelism: 1 });
  queue.add({ key: key('b', 1), order: 3, parallelism: 1 });
  expect(ids(queue.admit(10))).toEqual(['a1', 'b1']);
  queue.ended(key('b', 1));
  expect(ids(queue.admit(10))).toEqual([]);
  queue.ended(key('a', 1));
  expect(ids(queue.admit(10))).toEqual(['a2']);
});

test('queue: the global limit holds, and an end makes room', () => {
  const queue = createRunQueue(2);
  for (const order of [1, 2, 3]) queue.add({ key: key('a', order), order, parallelism: 9 });
  expect(ids(queue.admit(10))).toEqual(['a1', 'a2']);
  queue.ended(key('a', 1));
  expect(ids(queue.admit(10))).toEqual(['a3']);
});

test('queue: a run that was removed is passed over, one that was added late takes its place by age', () => {
  const queue = createRunQueue(10);
  for (const order of [1, 3, 5]) queue.add({ key: key('a', order), order, parallelism: 9 });
  queue.add({ key: key('a', 2), order: 2, parallelism: 9 });
  queue.remove(key('a', 1));
  expect(ids(queue.admit(10))).toEqual(['a2', 'a3', 'a5']);
});

test('queue: never more than the limits, never out of order within a pipeline, nobody forgotten', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), pipeline: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ do: fc.constant('admit' as const), max: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant('end' as const), index: fc.nat(9) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
      const queue = createRunQueue(limit);
      const running: RunKey[] = [];
      const started: RunKey[] = [];
      let order = 0;
      for (const each of steps) {
        if (each.do === 'add') queue.add({ key: key(each.pipeline, (order += 1)), order, parallelism: 2 });
        const admitted = each.do === 'admit' ? queue.admit(each.max).map((run) => run.key) : [];
        running.push(...admitted);
        started.push(...admitted);
        const over = each.do === 'end' ? running.splice(each.index, 1)[0] : undefined;
        if (over !== undefined) queue.ended(over);
        expect(running.length).toBeLessThanOrEqual(limit);
        for (const name of ['a', 'b', 'c']) {
          expect(running.filter((run) => run.pipelineId === name).length).toBeLessThanOrEqual(2);
          const own = started.filter((run) => run.pipelineId === name).map((run) => run.runId);
          expect(own).toEqual([...own].sort((left, right) => left - right));
        }
      }
      for (const run of running) queue.ended(run);
      while (queue.waiting > 0) {
        for (const run of queue.admit(10)) {
          started.push(run.key);
          queue.ended(run.key);
        }
      }
      expect(started.length).toBe(order);
    }),
  );
});

test('queue: a run starts at once when nobody is in front of it and there is room', () => {
  const queue = createRunQueue(3);
  const at = (pipeline: string, runId: number, parallelism = 2) => ({ key: key(pipeline, runId), parallelism });
  expect(queue.startNow(at('a', 1))).toBe(true);
  expect(queue.running).toBe(1);
  expect(queue.startNow(at('a', 1)), 'it runs already').toBe(false);
  expect(queue.startNow(at('a', 2))).toBe(true);
  expect(queue.startNow(at('a', 3)), 'the pipeline is full').toBe(false);
  queue.add({ ...at('b', 1), order: 1 });
  expect(queue.startNow(at('b', 1)), 'it waits for its turn').toBe(false);
  expect(queue.startNow(at('b', 2)), 'an older one waits').toBe(false);
  expect(ids(queue.admit(10))).toEqual(['b1']);
  expect(queue.startNow(at('c', 1)), 'all are busy').toBe(false);
  queue.ended(key('a', 1));
  expect(queue.startNow(at('c', 1))).toBe(true);
  expect(queue.running).toBe(3);
});
