// Starts of runs that are handed to the leader over a real connection.

import { expect, test } from 'vitest';
import type { HandedStart, LeaderSeen, StartHere } from '../../../cluster/peers/run-starts.ts';
import { AppError } from '../../../store/model/errors.ts';
import type { NamespaceId, PipelineId, RunId } from '../../../store/model/ids.ts';
import { aPendingRun } from '../worlds.ts';
import { aPeer } from './peers-world.ts';
import type { TestPeer } from './peers-world.ts';

const start = (idempotencyKey: string): HandedStart => ({
  pipeline: { namespaceId: 'default' as NamespaceId, pipelineId: 'nightly' as PipelineId },
  variables: [{ key: 'A', value: 'ü\u0000"', source: 'run_options' }],
  initiator: { id: 'ann', user: 'Ann' },
  ...{ retryOf: 3, configVersion: null, idempotencyKey },
});

const asLeader = ({ target }: TestPeer): LeaderSeen => ({ ...target, silentMs: 0 });

/** Times that a test can wait for. */
const QUICK = { startMs: 200, startAgainMs: 50 };

function aLeader(startHere: StartHere) {
  return aPeer('leader', { startHere });
}

test('the leader gets what was handed over, and its runs come back in their order', async () => {
  const got: HandedStart[] = [];
  const leader = await aLeader(async (handed) => {
    got.push(handed);
    if (handed.idempotencyKey === 'refused') throw new AppError('conflict', 'No config is live.');
    return aPendingRun({ runId: got.length as RunId });
  });
  const starts = (await aPeer('b')).leaderStarts(() => asLeader(leader));
  expect(starts.isOpen()).toBe(true);
  const handed = [start('one'), start('refused'), { ...start('two'), configVersion: 7 }];
  expect(await starts.start(handed)).toEqual([
    aPendingRun({ runId: 1 as RunId }),
    null,
    aPendingRun({ runId: 3 as RunId }),
  ]);
  expect(got).toEqual(handed);
});

test('a leader that is gone takes none, and is asked again later', async () => {
  const leader = await aLeader(async () => aPendingRun());
  const starts = (await aPeer('b', { timings: QUICK })).leaderStarts(() => asLeader(leader));
  expect(await starts.start([start('one')])).toEqual([aPendingRun()]);
  await leader.close();
  expect(await starts.start([start('two'), start('three')])).toEqual([null, null]);
  expect(starts.isOpen()).toBe(false);
  await expect.poll(() => starts.isOpen()).toBe(true);
});

test('a leader that says nothing keeps nobody waiting', async () => {
  const leader = await aLeader(() => new Promise(() => undefined));
  const starts = (await aPeer('b', { timings: QUICK })).leaderStarts(() => asLeader(leader));
  expect(await starts.start([start('one')])).toEqual([null]);
});

test('another leader is asked at its own address', async () => {
  const [first, second] = [
    await aPeer('first', { startHere: async () => aPendingRun({ runId: 1 as RunId }) }),
    await aPeer('second', { startHere: async () => aPendingRun({ runId: 2 as RunId }) }),
  ];
  let leads = first;
  const starts = (await aPeer('b')).leaderStarts(() => asLeader(leads));
  expect(await starts.start([start('one')])).toMatchObject([{ runId: 1 }]);
  leads = second;
  expect(await starts.start([start('two')])).toMatchObject([{ runId: 2 }]);
});

test.each([
  ['nobody leads', null],
  ['its address is not known', { nodeId: 'x', address: '', silentMs: 0 }],
  ['it missed its pulses', { nodeId: 'x', address: '127.0.0.1:1', silentMs: 5_000 }],
])('nothing is handed over when %s', async (_why, seen) => {
  const starts = (await aPeer('b')).leaderStarts(() => seen);
  expect(starts.isOpen()).toBe(false);
  expect(await starts.start([start('one')])).toEqual([null]);
});
