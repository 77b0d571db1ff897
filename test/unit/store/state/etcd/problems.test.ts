import { expect, test } from 'vitest';
import { statusOf } from '../../../../../store/state/health.ts';
import type { StoreMember } from '../../../../../store/state/health.ts';
import { problemsOf } from '../../../../../store/state/etcd/etcd-problems.ts';
import type { Findings } from '../../../../../store/state/etcd/etcd-problems.ts';

const MEGABYTE = 1_000_000;
const member = (n: number, more: Partial<StoreMember> = {}): StoreMember => ({
  endpoint: `http://etcd-${n}:2379`,
  isReachable: true,
  error: '',
  isLeader: n === 1,
  hasLeader: true,
  id: String(n),
  clusterId: 'c',
  version: '3.4.23',
  dbBytes: 20 * MEGABYTE,
  dbBytesInUse: 10 * MEGABYTE,
  quotaBytes: 2_000 * MEGABYTE,
  alarms: [],
  answerMs: 1,
  ...more,
});
const down = (n: number) => member(n, { isReachable: false, hasLeader: false, id: '', error: 'nothing listens there' });
const findings = (more: Partial<Findings>): Findings => ({
  members: [member(1), member(2), member(3)],
  foreign: [],
  denied: null,
  lost: null,
  isFull: false,
  writeMs: 0,
  ...more,
});
const alone = { hasLeader: false, isLeader: false };

test.each([
  ['all is well', {}, [], 'ok'],
  ['one is down', { members: [member(1), member(2), down(3)] }, ['member_down'], 'degraded'],
  [
    'no majority',
    { members: [member(1, alone), down(2), down(3)] },
    ['no_quorum', 'member_down', 'member_down'],
    'unavailable',
  ],
  ['all are down', { members: [down(1), down(2), down(3)] }, ['unreachable'], 'unavailable'],
  [
    'one is of another cluster',
    { members: [member(1), member(2), down(3)], foreign: ['http://etcd-3:2379'] },
    ['other_cluster'],
    'unavailable',
  ],
  [
    'the cluster was replaced',
    { members: [down(1)], foreign: ['http://etcd-1:2379'] },
    ['other_cluster'],
    'unavailable',
  ],
  ['denied', { members: [down(1), down(2), down(3)], denied: 'wrong password' }, ['denied'], 'unavailable'],
  [
    'two addresses of one',
    { members: [member(1), member(2), member(2, { endpoint: 'http://again:2379' })] },
    ['same_member'],
    'degraded',
  ],
  ['full', { isFull: true }, ['no_space'], 'read_only'],
  ['damaged', { members: [member(1), member(2, { alarms: ['CORRUPT'] })] }, ['corrupt'], 'unavailable'],
  ['nearly full', { members: [member(1, { dbBytes: 1_700 * MEGABYTE })] }, ['nearly_full'], 'degraded'],
  ['a quota that is not told', { members: [member(1, { dbBytes: 1_900 * MEGABYTE, quotaBytes: 0 })] }, [], 'ok'],
  ['slow', { writeMs: 300 }, ['slow'], 'degraded'],
  ['went back', { lost: 'restored' }, ['went_back'], 'unavailable'],
  [
    'full and one down',
    { members: [member(1), member(2), down(3)], isFull: true },
    ['no_space', 'member_down'],
    'read_only',
  ],
] as const)('%s', (_, more, codes, status) => {
  const problems = problemsOf(findings(more));
  expect(problems.map(({ code }) => code)).toEqual(codes);
  expect(statusOf(problems)).toBe(status);
  for (const { message } of problems) expect(message).not.toMatch(/undefined|NaN|\.\./);
});
