import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRuns, readTasks } from '../../../../scheduler/loop/bulk-reader.ts';
import { keys } from '../../../../store/keys.ts';
import type { NamespaceId, PipelineId, RunId, RunKey, TaskId } from '../../../../store/model/ids.ts';
import { runKeyText } from '../../../../store/model/ids.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import type { Write } from '../../../../store/state/port.ts';

const aKey = (pipelineId: string, runId: number): RunKey => ({
  namespaceId: 'default' as NamespaceId,
  pipelineId: pipelineId as PipelineId,
  runId: runId as RunId,
});

/** Runs by number of tasks; names of which one begins with the other, ids near and far from each other. */
const someRuns = fc.uniqueArray(
  fc.record({
    key: fc
      .tuple(
        fc.constantFrom('etl', 'etl-2', 'nightly'),
        fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 9_999 })),
      )
      .map(([pipelineId, runId]) => aKey(pipelineId, runId)),
    tasks: fc.integer({ min: 0, max: 4 }),
    wanted: fc.boolean(),
  }),
  { selector: ({ key }) => runKeyText(key), maxLength: 60 },
);

test('what is wanted is read, as it is, and nothing else, whatever lies between', async () => {
  await fc.assert(
    fc.asyncProperty(someRuns, fc.integer({ min: 1, max: 40 }), async (runs, missing) => {
      const state = createMemoryStore();
      const writes = runs.flatMap(({ key, tasks }): Write[] => [
        { op: 'put', key: keys.run(key), value: runKeyText(key) },
        ...Array.from({ length: tasks }, (_, at): Write => {
          const taskId = `t${at}` as TaskId;
          return { op: 'put', key: keys.task({ ...key, taskId }), value: `${runKeyText(key)} ${at}` };
        }),
      ]);
      for (let at = 0; at < writes.length; at += 100) {
        await state.commit({ compares: [], writes: writes.slice(at, at + 100) });
      }
      const wanted = runs.filter((run) => run.wanted);
      const asked = [...wanted.map(({ key }) => key), aKey('absent', missing)];
      const found = await readRuns(state, asked);
      expect(new Map([...found].map(([name, kv]) => [name, kv.value]))).toEqual(
        new Map(wanted.map(({ key }) => [runKeyText(key), runKeyText(key)])),
      );
      const records = await readTasks(
        state,
        wanted.map(({ key, tasks }) => ({ key, size: tasks })),
      );
      for (const { key, tasks } of wanted) {
        const values = (records.get(runKeyText(key)) ?? []).map(({ value }) => value);
        expect(values).toEqual(Array.from({ length: tasks }, (_, at) => `${runKeyText(key)} ${at}`));
      }
    }),
    { numRuns: 100 },
  );
});

test('a run of more tasks than one answer holds is read whole', async () => {
  const state = createMemoryStore();
  const key = aKey('etl', 1);
  const count = 1_234;
  const writes = Array.from({ length: count }, (_, at): Write => {
    const taskId = `t${String(at).padStart(5, '0')}` as TaskId;
    return { op: 'put', key: keys.task({ ...key, taskId }), value: String(at) };
  });
  for (let at = 0; at < count; at += 100) await state.commit({ compares: [], writes: writes.slice(at, at + 100) });
  const found = await readTasks(state, [{ key, size: count }]);
  expect(found.get(runKeyText(key))?.map(({ value }) => value)).toEqual(writes.map((_, at) => String(at)));
});
