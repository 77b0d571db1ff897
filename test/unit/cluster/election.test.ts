import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createReign } from '../../../cluster/leadership.ts';
import { keys } from '../../../store/keys.ts';
import { ClusterWorld } from './cluster-world.ts';

let world: ClusterWorld;
beforeEach(async () => {
  world = await ClusterWorld.create();
});
afterEach(() => world.end());

describe('election', () => {
  test('a single node wins at once, and its term is the revision that made the leader key', async () => {
    const only = await world.join('a', { alone: true });
    await only.node.elected;
    const leader = await world.state.get(keys.leader());
    expect(only.node.status()).toMatchObject({ leader: true, leaderName: 'a', term: leader?.createRevision });
    expect(only.reigns).toHaveLength(1);
  });

  test('one of three leads, and all know it', async () => {
    const nodes = await world.joinAll(['a', 'b', 'c']);
    await world.pass(1_000);
    expect(world.leaders()).toHaveLength(1);
    expect(nodes.map(({ node }) => node.status().leaderName)).toEqual(['a', 'a', 'a']);
    expect(nodes.map(({ node }) => node.status().members.length)).toEqual([3, 3, 3]);
  });

  test('a leader that stops resigns: another leads within a moment, with a higher term', async () => {
    const [first] = await world.joinAll(['a', 'b', 'c']);
    const before = first?.node.status().term ?? 0;
    const stopped = first?.node.stop();
    await world.pass(100);
    await stopped;
    const [next] = world.leaders();
    expect(next?.node.status().term).toBeGreaterThan(before);
  });
});

test('leadership: without an answered keep-alive it ends by its own deadline, counted from the sending', () => {
  let now = 1_000;
  const { leadership, tenure } = createReign({ term: 7, sentAtMs: 1_000, holdMs: 3_500, monotonicMs: () => now });
  now = 4_000;
  leadership.check();
  tenure.extend(2_000);
  now = 5_499;
  leadership.check();
  now = 5_500;
  expect(() => leadership.check()).toThrow('This node no longer leads.');
  expect(leadership.signal.aborted).toBe(true);
});
