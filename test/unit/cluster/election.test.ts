import { afterEach, expect, test } from 'vitest';
import { ELECTION_TIMINGS, startElection } from '../../../cluster/election.ts';
import type { Election } from '../../../cluster/election.ts';
import type { Leadership } from '../../../cluster/leadership.ts';
import { createReign } from '../../../cluster/leadership.ts';
import { keys } from '../../../store/keys.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../store/state/port.ts';
import { eventually } from '../../eventually.ts';

const SILENT = { info: () => undefined, warn: () => undefined };
const running: Election[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((election) => election.stop()));
});

function candidate(state: StateStore, nodeId: string, reigns: Leadership[] = []): Election {
  const election = startElection({
    state,
    nodeId,
    timings: ELECTION_TIMINGS,
    monotonicMs: () => performance.now(),
    log: SILENT,
    duties: [
      {
        name: 'test',
        run: (leadership) => {
          reigns.push(leadership);
          return new Promise((resolve) => leadership.signal.addEventListener('abort', () => resolve()));
        },
      },
    ],
  });
  running.push(election);
  return election;
}

test('election: a single node wins at once, and its term is the revision that made the leader key', async () => {
  const state = createMemoryStore();
  const election = candidate(state, 'a');
  await election.elected;
  const leader = await state.get(keys.leader());
  expect(election.status()).toEqual({ leader: true, term: leader?.createRevision });
});

test('election: one of two leads; when it resigns the other takes over, with a higher term', async () => {
  const state = createMemoryStore();
  const first = candidate(state, 'a');
  await first.elected;
  const before = first.status().term ?? 0;
  const second = candidate(state, 'b');
  expect(second.status().leader).toBe(false);
  await first.stop();
  await second.elected;
  expect(second.status().term).toBeGreaterThan(before);
});

test('election: a revoked lease ends the term, its fenced writes are refused, and a new term begins', async () => {
  const state = createMemoryStore();
  const reigns: Leadership[] = [];
  const election = candidate(state, 'a', reigns);
  await election.elected;
  await eventually(() => expect(reigns).toHaveLength(1));
  const leader = await state.get(keys.leader());
  await state.revokeLease(leader?.lease ?? '');
  const old = reigns[0];
  if (old === undefined) throw new Error('there was a term');
  const late = await state.commit({ compares: [old.fence], writes: [{ op: 'put', key: 'x', value: 'late' }] });
  expect(late.succeeded).toBe(false);
  await eventually(() => expect(reigns).toHaveLength(2));
  expect(old.signal.aborted).toBe(true);
  expect(reigns[1]?.term).toBeGreaterThan(old.term);
});

test('leadership: without an answered keep-alive it ends by its own deadline, counted from the sending', () => {
  let now = 1_000;
  const reign = createReign({ term: 7, sentAtMs: 1_000, holdMs: 3_500, monotonicMs: () => now });
  now = 4_000;
  reign.leadership.check();
  reign.extend(2_000);
  now = 5_499;
  reign.leadership.check();
  now = 5_500;
  expect(() => reign.leadership.check()).toThrow('This node no longer leads.');
  expect(reign.leadership.signal.aborted).toBe(true);
});
