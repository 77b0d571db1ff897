// The story that `npm run cluster` tells: ten lines, and a judgement that no bad ending passes.

import { describe, expect, test } from 'vitest';
import { isGood, tell } from '../../../chaos/local-cluster/story.ts';
import type { Story } from '../../../chaos/local-cluster/story.ts';

const GOOD: Story = {
  ...{ runsWanted: 2, bodiesWanted: 4, linesOfBody: 10 },
  killed: { node: 'node-2', term: 7, at: 1_000 },
  ...{ runsInFlight: 2, bodiesAtWork: 1, noticedAt: 1_080, nextTaskAt: 1_300, endedAt: 3_000 },
  next: { node: 'node-3', term: 19, at: 1_100 },
  statuses: ['successful', 'successful'],
  begun: ['1/a', '1/b', '2/a', '2/b'],
  wrongLogs: [],
  calls: { made: 50, failed: 0, lastFault: null },
  againReadyMs: 900,
};

test('story: is told in ten lines, with times from the kill on', () => {
  expect(tell(GOOD)).toEqual([
    'The leader, node-2 (term 7), was killed with -9: 2 runs in flight, 1 tasks at work.',
    '  +  0.08 s  the others had noticed and freed the leadership',
    '  +  0.10 s  node-3 led (term 19)',
    '  +  0.30 s  the next task started',
    '  +  2.00 s  all 2 of 2 runs had ended, 2 of them successful',
    'Tasks: 4 wanted, 4 ran exactly once, 0 missing, 0 ran twice.',
    'Log lines: 40 of 40 are there, in order.',
    'Client calls through HAProxy meanwhile: 50, failed: 0.',
    'node-2 was started again and was ready after 0.90 s.',
    'Nothing was lost, nothing ran twice.',
  ]);
});

describe('story: is not good when', () => {
  test.each<readonly [string, Partial<Story>, RegExp]>([
    ['a run is missing', { statuses: ['successful'] }, /all 1 of 2 runs/],
    ['a run failed', { statuses: ['successful', 'failed'] }, /1 of them successful/],
    ['a task never ran', { begun: ['1/a', '1/b', '2/a'] }, /3 ran exactly once, 1 missing/],
    ['a task ran twice', { begun: [...GOOD.begun, '2/b'] }, /3 ran exactly once, 0 missing, 1 ran twice/],
    ['a log is wrong', { wrongLogs: ['1/a: ""'] }, /Log lines: 30 of 40 .* \(1\/a: ""\)/],
  ])('%s', (_what, change, told) => {
    const story = { ...GOOD, ...change };
    expect(isGood(story)).toBe(false);
    expect(tell(story).join('\n')).toMatch(told);
    expect(tell(story).at(-1)).toBe('THIS IS NOT AS IT SHOULD BE.');
  });
});

test('story: a call that failed is told with its reason, and is no fault of the cluster', () => {
  const story = { ...GOOD, calls: { made: 50, failed: 1, lastFault: 'other side closed' } };
  expect(isGood(story)).toBe(true);
  expect(tell(story)).toContain('Client calls through HAProxy meanwhile: 50, failed: 1 (other side closed).');
});
