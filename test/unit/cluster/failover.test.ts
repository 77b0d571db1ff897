// When a leader is deposed: the rules as a table, and what comes of them in a cluster of three.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { leaderSilenceMs, suspect } from '../../../cluster/failover.ts';
import type { LeaderSight } from '../../../cluster/failover.ts';
import type { Heard, Pulse } from '../../../cluster/peers/port.ts';
import { keys } from '../../../store/keys.ts';
import type { TestNode } from './cluster-world.ts';
import { ClusterWorld } from './cluster-world.ts';

const TERM = 7;

function aPulse(nodeId: string, overrides: Partial<Pulse> = {}): Pulse {
  return { nodeId, name: nodeId, term: null, storeSilentMs: 0, leader: null, clock: 0, ...overrides };
}

function aHeard(nodeId: string, overrides: Partial<Heard> = {}): Heard {
  const target = { name: nodeId, nodeId, address: `${nodeId}:1` };
  return { target, pulse: aPulse(nodeId), silentMs: 100, broken: false, ...overrides };
}

/** What a voter says of the leader. */
function aVote(nodeId: string, silentMs: number, overrides: Partial<Heard> = {}): Heard {
  return aHeard(nodeId, { pulse: aPulse(nodeId, { leader: { nodeId: 'L', silentMs } }), ...overrides });
}

const leading = (overrides: Partial<Pulse> = {}) => aPulse('L', { term: TERM, ...overrides });

function aSight(overrides: Partial<LeaderSight>): LeaderSight {
  return {
    selfNodeId: 'A',
    leader: { nodeId: 'L', term: TERM },
    knownMs: 60_000,
    members: ['A', 'B', 'L'],
    heard: [aHeard('L', { pulse: leading() }), aVote('B', 100)],
    ownStoreSilentMs: 100,
    wasWronglyGone: false,
    ...overrides,
  };
}

const deaf = aHeard('L', { pulse: leading(), silentMs: 1_600 });
const broken = aHeard('L', { pulse: leading(), broken: true });
const hungry = aHeard('L', { pulse: leading({ storeSilentMs: 1_600 }) });

describe('suspicion', () => {
  test.each([
    { name: 'a leader that is well', sight: {}, wanted: 'none' },
    { name: 'itself', sight: { selfNodeId: 'L' }, wanted: 'none' },
    {
      name: 'a leader that is no member',
      sight: { members: ['A', 'B'], heard: [deaf, aVote('B', 1_600)] },
      wanted: 'none',
    },
    { name: 'a leader that nobody listens to', sight: { heard: [aVote('B', 1_600)] }, wanted: 'none' },
    { name: 'a broken stream', sight: { heard: [broken] }, wanted: 'probe' },
    {
      name: 'a broken stream, though probes were wrong',
      sight: { heard: [broken], wasWronglyGone: true },
      wanted: 'none',
    },
    { name: 'two of three heard nothing', sight: { heard: [deaf, aVote('B', 1_600)] }, wanted: 'unheard' },
    { name: 'one of three heard nothing', sight: { heard: [deaf, aVote('B', 300)] }, wanted: 'none' },
    { name: 'this node hears it', sight: { heard: [aHeard('L'), aVote('B', 9_000)] }, wanted: 'none' },
    { name: 'the term is young', sight: { knownMs: 1_000, heard: [deaf, aVote('B', 1_600)] }, wanted: 'none' },
    {
      name: 'the vote is old',
      sight: { heard: [deaf, aVote('B', 1_600, { silentMs: 800 })] },
      wanted: 'none',
    },
    {
      name: 'the vote is about another leader',
      sight: { heard: [deaf, aHeard('B', { pulse: aPulse('B', { leader: { nodeId: 'K', silentMs: 9_000 } }) })] },
      wanted: 'none',
    },
    {
      name: 'the voter is no member',
      sight: { members: ['A', 'L', 'C', 'D'], heard: [deaf, aVote('B', 1_600)] },
      wanted: 'none',
    },
    {
      name: 'two of four are no majority',
      sight: { members: ['A', 'B', 'C', 'L'], heard: [deaf, aVote('B', 1_600), aVote('C', 0)] },
      wanted: 'none',
    },
    {
      name: 'three of five are one',
      sight: { members: ['A', 'B', 'C', 'D', 'L'], heard: [deaf, aVote('B', 1_600), aVote('C', 1_600)] },
      wanted: 'unheard',
    },
    { name: 'a follower alone with its leader', sight: { members: ['A', 'L'], heard: [deaf] }, wanted: 'none' },
    { name: 'its store is silent', sight: { heard: [hungry] }, wanted: 'store_silent' },
    { name: 'all stores are silent', sight: { heard: [hungry], ownStoreSilentMs: 1_500 }, wanted: 'none' },
    {
      name: 'its store was silent in another term',
      sight: { heard: [aHeard('L', { pulse: leading({ term: TERM - 1, storeSilentMs: 9_000 }) })] },
      wanted: 'none',
    },
    {
      name: 'its store was silent when it was heard last',
      sight: { heard: [aHeard('L', { pulse: leading({ storeSilentMs: 9_000 }), silentMs: 1_500 })] },
      wanted: 'none',
    },
  ])('$name: $wanted', ({ sight, wanted }) => {
    expect(suspect(aSight(sight), { silenceMs: 1_500 }).kind).toBe(wanted);
  });

  test.each([
    { heard: [], knownMs: 9, wanted: null },
    { heard: [aHeard('L', { silentMs: 500 })], knownMs: 60_000, wanted: 500 },
    { heard: [aHeard('L', { silentMs: 60_000 })], knownMs: 300, wanted: 300 },
  ])('silence is counted within the term only: $wanted', ({ heard, knownMs, wanted }) => {
    expect(leaderSilenceMs(heard, 'L', knownMs)).toBe(wanted);
  });
});

describe('a cluster of three, led by a', () => {
  let world: ClusterWorld;
  let nodes: readonly TestNode[];
  beforeEach(async () => {
    world = await ClusterWorld.create();
    nodes = await world.joinAll(['a', 'b', 'c']);
    await world.pass(1_000);
  });
  afterEach(() => world.end());

  const a = () => nodeNamed('a');
  function nodeNamed(name: string): TestNode {
    const found = nodes.find(({ self }) => self.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }
  const followersLead = () => nodes.filter(({ self, reigns }) => self.name !== 'a' && reigns.length > 0).length;

  test('kill -9 of the leader: another one leads within a quarter of a second', async () => {
    a().kill();
    await world.pass(250);
    expect(followersLead()).toBe(1);
  });

  test('a frozen leader: another one leads within two seconds, and its late writes are refused', async () => {
    world.network.freeze('a:7000');
    await world.pass(2_000);
    expect(followersLead()).toBe(1);
    const fence = a().reigns[0]?.fence;
    const late = await world.state.commit({ compares: fence === undefined ? [] : [fence], writes: [] });
    expect(late.succeeded).toBe(false);
  });

  test('a leader that is cut off from the store only: another one leads within three seconds', async () => {
    a().link.cut();
    await world.pass(3_000);
    expect(followersLead()).toBe(1);
  });

  test('a store that is away from all for two seconds deposes nobody', async () => {
    for (const { link } of nodes) link.cut();
    await world.pass(2_000);
    for (const { link } of nodes) link.heal();
    await world.pass(5_000);
    expect(followersLead()).toBe(0);
    expect(a().reigns).toHaveLength(1);
  });

  test('a leader whose store was silent, and answers it again a moment later, is not deposed', async () => {
    world.network.distort = (pulse) => (pulse.name === 'a' ? { ...pulse, storeSilentMs: 1_600 } : pulse);
    await world.pass(300);
    world.network.distort = (pulse) => pulse;
    await world.pass(3_000);
    expect(a().reigns.map(({ signal }) => signal.aborted)).toEqual([false]);
  });

  test('one probe that found nothing is not enough', async () => {
    for (const { peers } of nodes) {
      if (peers === null) continue;
      const probe = peers.probe.bind(peers);
      peers.probe = (target, deadlineMs) => {
        peers.probe = probe;
        return peers.probe(target, deadlineMs).then(() => 'gone');
      };
      peers.streamBroke('a:7000');
    }
    await world.pass(3_000);
    expect(nodeNamed('b').peers?.probed).toEqual(['a:7000', 'a:7000']);
    expect(a().reigns.map(({ signal }) => signal.aborted)).toEqual([false]);
  });

  test('a follower that hears neither of the others deposes nobody', async () => {
    world.network.cut('a:7000', 'c:7000');
    world.network.cut('b:7000', 'c:7000');
    await world.pass(10_000);
    expect(a().reigns.map(({ signal }) => signal.aborted)).toEqual([false]);
  });

  test('a stream that breaks while the process lives deposes nobody', async () => {
    for (const { peers } of nodes) peers?.streamBroke('a:7000');
    await world.pass(3_000);
    expect(nodeNamed('b').peers?.probed).toContain('a:7000');
    expect(a().reigns.map(({ signal }) => signal.aborted)).toEqual([false]);
  });

  test('a leader cut off from both others hands over, and the cluster comes to rest', async () => {
    world.network.cut('a:7000', 'b:7000');
    world.network.cut('a:7000', 'c:7000');
    await world.pass(20_000);
    const terms = nodes.flatMap(({ reigns }) => reigns).length;
    expect(followersLead()).toBeGreaterThan(0);
    await world.pass(20_000);
    expect(nodes.flatMap(({ reigns }) => reigns)).toHaveLength(terms);
    expect(world.leaders()).toHaveLength(1);
  });

  test('a probe that is wrong about a leader deposes it once, not for ever', async () => {
    await world.stop(nodeNamed('c'));
    const { peers } = nodeNamed('b');
    if (peers === null) throw new Error('b has peers');
    // b stands back, so that a leads again after it was deposed.
    await world.drain('b');
    peers.probe = () => Promise.resolve('gone');
    for (let round = 0; round < 20; round++) {
      peers.streamBroke('a:7000');
      await world.pass(500);
    }
    expect(a().reigns.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  test('a cluster of two: a frozen leader without a majority against it keeps its lease until it ends', async () => {
    await world.stop(nodeNamed('c'));
    world.network.freeze('a:7000');
    await world.pass(4_000);
    expect(followersLead()).toBe(0);
    a().link.cut();
    await world.pass(6_000);
    expect(followersLead()).toBe(1);
  });

  test('the leader key of a later claim is not touched by what was heard of an older one', async () => {
    const b = nodeNamed('b');
    const before = await world.state.get(keys.leader());
    // b sees nothing new of the store, and its peers tell that a is gone.
    b.link.cut();
    world.network.kill('a:7000');
    const stopped = world.stop(a());
    await world.pass(300);
    await stopped;
    b.link.heal();
    await world.pass(3_000);
    const after = await world.state.get(keys.leader());
    expect(after?.createRevision).toBeGreaterThan(before?.createRevision ?? 0);
    expect(nodes.flatMap(({ reigns }) => reigns)).toHaveLength(2);
  });
});
