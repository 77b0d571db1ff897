// Starting runs: what it costs the store when nobody interferes, and that nothing is decided by a guess when somebody does.

import { expect, test } from 'vitest';
import { createRunStarter } from '../../../api/operations/run-starter.ts';
import type { StartRequest } from '../../../api/operations/run-starter.ts';
import { keys } from '../../../store/keys.ts';
import type { Pipeline } from '../../../store/model/config.ts';
import type { NamespaceId, PipelineId } from '../../../store/model/ids.ts';
import { pipelineRecord } from '../../../store/records/pipeline-records.ts';
import { runRecord } from '../../../store/records/run-records.ts';
import { preferencesRecord } from '../../../store/records/system-records.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../store/state/port.ts';

const PIPELINE = { namespaceId: 'default' as NamespaceId, pipelineId: 'nightly' as PipelineId };
const LIVE: Pipeline = {
  ...PIPELINE,
  ...{ state: 'active', created: 0, modified: 0, lastVersion: 1, liveVersion: 1, lastDeploymentId: 1 },
};

/** Two nodes on one store; `calls` counts what the first one asks of it. */
async function twoNodes() {
  const state = createMemoryStore();
  await put(state, pipelineRecord.encode(LIVE));
  const calls = { gets: 0, commits: 0 };
  const counted: StateStore = {
    ...state,
    get: (key) => {
      calls.gets += 1;
      return state.get(key);
    },
    commit: (transaction) => {
      calls.commits += 1;
      return state.commit(transaction);
    },
  };
  return {
    state,
    calls,
    one: createRunStarter({ state: counted, now: Date.now }),
    other: createRunStarter({ state, now: Date.now }),
  };
}

async function put(state: StateStore, value: string): Promise<void> {
  await state.commit({ compares: [], writes: [{ op: 'put', key: keys.pipeline(PIPELINE), value }] });
}

function request(given: Partial<StartRequest> = {}): StartRequest {
  return {
    ...{ pipeline: PIPELINE, variables: [], initiator: { id: 'ann', user: 'ann' }, retryOf: 0 },
    ...{ configVersion: null, idempotencyKey: null },
    ...given,
  };
}

test('after the first start of a pipeline, a start is one transaction and no read', async () => {
  const { one, calls } = await twoNodes();
  expect(await one.start(request())).toMatchObject({ runId: 1 });
  Object.assign(calls, { gets: 0, commits: 0 });
  expect(await one.start(request())).toMatchObject({ runId: 2 });
  expect(await one.start(request({ idempotencyKey: 'k' }))).toMatchObject({ runId: 3 });
  expect(calls).toEqual({ gets: 0, commits: 2 });
});

test('a node that was overtaken learns of it from its own transaction', async () => {
  const { one, other, calls } = await twoNodes();
  await one.start(request());
  expect(await other.start(request())).toMatchObject({ runId: 2 });
  Object.assign(calls, { gets: 0, commits: 0 });
  expect(await one.start(request())).toMatchObject({ runId: 3 });
  expect(calls).toEqual({ gets: 0, commits: 2 });
});

test('a key that another node has answered gives the same run, and another request under it is refused', async () => {
  const { one, other } = await twoNodes();
  await one.start(request());
  expect(await other.start(request({ idempotencyKey: 'k' }))).toMatchObject({ runId: 2 });
  expect(await one.start(request({ idempotencyKey: 'k' }))).toMatchObject({ runId: 2 });
  const changed = request({ idempotencyKey: 'k', variables: [{ key: 'A', value: 'b', source: 'run_options' }] });
  await expect(one.start(changed)).rejects.toMatchObject({ code: 'conflict' });
  expect(await one.start(request())).toMatchObject({ runId: 3 });
});

test('two requests with one key at the same time are one run', async () => {
  const { one, state } = await twoNodes();
  await one.start(request());
  const runs = await Promise.all(['k', 'k', 'other'].map((key) => one.start(request({ idempotencyKey: key }))));
  expect(runs.map(({ runId }) => runId)).toEqual([2, 2, 3]);
  expect((await state.range(keys.runsOf(PIPELINE))).kvs).toHaveLength(3);
});

test.each([
  {
    what: 'disabled',
    change: (state: StateStore) => put(state, pipelineRecord.encode({ ...LIVE, state: 'disabled' })),
    code: 'unavailable',
  },
  {
    what: 'without a live config',
    change: (state: StateStore) => put(state, pipelineRecord.encode({ ...LIVE, liveVersion: 0 })),
    code: 'conflict',
  },
  {
    what: 'deleted',
    change: async (state: StateStore) => {
      await state.commit({ compares: [], writes: [{ op: 'delete', key: keys.pipeline(PIPELINE) }] });
    },
    code: 'not_found',
  },
  {
    what: 'paused with the whole service',
    change: async (state: StateStore) => {
      const value = preferencesRecord.encode({ ignorePipelineRunEvents: true, bootstrapTokenCreated: false });
      await state.commit({ compares: [], writes: [{ op: 'put', key: keys.preferences(), value }] });
    },
    code: 'unavailable',
  },
])('a pipeline that is $what since this node started a run of it: refused, and nothing is written', async (each) => {
  const { one, state } = await twoNodes();
  await one.start(request());
  await each.change(state);
  await expect(one.start(request())).rejects.toMatchObject({ code: each.code });
  expect((await state.range(keys.runsOf(PIPELINE))).kvs).toHaveLength(1);
});

test('what was refused is not started after all when somebody else was faster', async () => {
  const { one, other, state } = await twoNodes();
  await put(state, pipelineRecord.encode({ ...LIVE, liveVersion: 0 }));
  const together = await Promise.allSettled([
    one.start(request()),
    one.start(request({ configVersion: 1, retryOf: 1 })),
    other.start(request({ configVersion: 1, retryOf: 1 })),
  ]);
  expect(together.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  const { kvs } = await state.range(keys.runsOf(PIPELINE));
  expect(kvs.map(({ value }) => runRecord.decode(value).retryOf)).toEqual([1, 1]);
});

test('a guess that is right about the pipeline serves another config as well', async () => {
  const { one, state } = await twoNodes();
  await one.start(request());
  await put(state, pipelineRecord.encode({ ...LIVE, lastVersion: 2, liveVersion: 2 }));
  expect(await one.start(request())).toMatchObject({ runId: 2, configVersion: 2 });
});

test('nodes that start many runs of one pipeline at once all get their turns', async () => {
  const { one, other, state } = await twoNodes();
  const third = createRunStarter({ state, now: Date.now });
  const STARTS = 200;
  const started = await Promise.all(
    [one, other, third].flatMap((node) => Array.from({ length: STARTS }, () => node.start(request()))),
  );
  const ids = started.map(({ runId }) => Number(runId)).sort((left, right) => left - right);
  expect(ids).toEqual(Array.from({ length: 3 * STARTS }, (_, index) => index + 1));
});
