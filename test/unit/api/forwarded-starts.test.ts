// Starts on a node that does not lead: with the leader when there is one, without it when not, and one run in any case.

import { expect, test } from 'vitest';
import { createForwardedStarts } from '../../../api/operations/forwarded-starts.ts';
import type { KeyedStart } from '../../../api/operations/forwarded-starts.ts';
import type { RunStarter, StartRequest } from '../../../api/operations/run-starter.ts';
import { AppError } from '../../../store/model/errors.ts';
import type { AppErrorOptions } from '../../../store/model/errors.ts';
import type { NamespaceId, PipelineId, RunId } from '../../../store/model/ids.ts';
import type { PendingRun } from '../../../store/model/run.ts';
import { aPendingRun } from '../worlds.ts';

const PIPELINE = { namespaceId: 'default' as NamespaceId, pipelineId: 'nightly' as PipelineId };
const BYTES_MAX = 10_000;

function request(given: Partial<StartRequest> = {}): StartRequest {
  return {
    ...{ pipeline: PIPELINE, variables: [], initiator: { id: 'ann', user: 'ann' }, retryOf: 0 },
    ...{ configVersion: null, idempotencyKey: null },
    ...given,
  };
}

const runNumber = (runId: number): PendingRun => aPendingRun({ runId: runId as RunId });

/** Numbers of 1,000 and more are made here, smaller ones by the leader. */
function aNode(
  options: { readonly isOpen?: boolean; readonly answers?: boolean; readonly fails?: AppErrorOptions } = {},
) {
  const { isOpen = true, answers = true, fails } = options;
  const here: StartRequest[] = [];
  const messages: (readonly KeyedStart[])[] = [];
  const own: RunStarter = {
    start: async (start) => {
      here.push(start);
      if (fails !== undefined) throw new AppError('unavailable', 'The store is away.', fails);
      return runNumber(1_000 + here.length);
    },
  };
  let made = 0;
  let ids = 0;
  const leader = {
    isOpen: () => isOpen,
    start: async (starts: readonly KeyedStart[]) => {
      messages.push(starts);
      return starts.map(() => (answers ? runNumber((made += 1)) : null));
    },
  };
  const starter = createForwardedStarts({ own, leader, newId: () => `id-${(ids += 1)}`, bytesMax: BYTES_MAX });
  return { starter, here, messages };
}

test('the leader makes the runs, and what is asked for in one moment goes in one message', async () => {
  const { starter, here, messages } = aNode();
  const runs = await Promise.all([1, 2, 3].map(() => starter.start(request())));
  expect(runs.map(({ runId }) => runId)).toEqual([1, 2, 3]);
  expect(messages.map(({ length }) => length)).toEqual([3]);
  expect(here).toEqual([]);
});

test('a start goes with the key of its client, or with a new one', async () => {
  const { starter, messages } = aNode();
  await starter.start(request({ idempotencyKey: 'mine' }));
  await starter.start(request());
  await starter.start(request());
  expect(messages.flat().map(({ idempotencyKey }) => idempotencyKey)).toEqual(['mine', 'by-node:id-1', 'by-node:id-2']);
});

test('what the leader did not make is made here, under the same key', async () => {
  const { starter, here, messages } = aNode({ answers: false });
  expect(await starter.start(request())).toMatchObject({ runId: 1_001 });
  expect(here).toEqual(messages.flat());
  expect(here).toMatchObject([{ idempotencyKey: 'by-node:id-1' }]);
});

test('without a leader at hand a start is made here, as it came', async () => {
  const { starter, here, messages } = aNode({ isOpen: false });
  await starter.start(request());
  expect(here).toEqual([request()]);
  expect(messages).toEqual([]);
});

test('a start that is too large for a message is made here', async () => {
  const { starter, messages } = aNode();
  const variables = [{ key: 'A', value: 'x'.repeat(BYTES_MAX), source: 'run_options' } as const];
  expect(await starter.start(request({ variables }))).toMatchObject({ runId: 1_001 });
  expect(messages).toEqual([]);
});

test('messages stay below their limit', async () => {
  const { starter, messages } = aNode();
  const variables = [{ key: 'A', value: 'x'.repeat(BYTES_MAX / 3), source: 'run_options' } as const];
  const runs = await Promise.all(Array.from({ length: 6 }, () => starter.start(request({ variables }))));
  expect(new Set(runs.map(({ runId }) => runId)).size).toBe(6);
  expect(messages.map(({ length }) => length)).toEqual([2, 2, 2]);
});

test('once a leader has heard of a start, nobody can say any more that it was not applied', async () => {
  const handed = aNode({ answers: false, fails: { outcome: 'not_applied' } });
  await expect(handed.starter.start(request())).rejects.toMatchObject({ code: 'unavailable', outcome: 'unknown' });
  const alone = aNode({ isOpen: false, fails: { outcome: 'not_applied' } });
  await expect(alone.starter.start(request())).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
});
