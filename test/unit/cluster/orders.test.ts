import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { headStartLeftMs, judgeTransfer } from '../../../cluster/orders.ts';
import { sightOf } from '../../../cluster/sight.ts';
import type { Sight } from '../../../cluster/sight.ts';
import type { Succession } from '../../../cluster/view.ts';
import { keys } from '../../../store/keys.ts';
import type { TestNode } from './cluster-world.ts';
import { ClusterWorld } from './cluster-world.ts';
import { aMember } from './worlds.ts';

const SELF = { name: 'a', nodeId: 'a-1' };

function sightWith(members: readonly { readonly name: string; readonly standsBack?: string }[]): Sight {
  const seen = members.map((member) => ({
    member: aMember(member),
    ...{ createRevision: 1, modRevision: 1, lease: `lease-${member.name}` },
  }));
  return { ...sightOf(new Map(), 1), members: seen };
}

describe('transfer order', () => {
  test.each([
    { name: 'to a candidate', order: { term: 5, to: 'b' }, wanted: 'hand_over' },
    { name: 'to any other', order: { term: 5, to: null }, wanted: 'hand_over' },
    { name: 'of an older term', order: { term: 4, to: 'b' }, wanted: 'drop' },
    { name: 'to the leader itself', order: { term: 5, to: 'a' }, wanted: 'drop' },
    { name: 'to nobody that is alive', order: { term: 5, to: 'x' }, wanted: 'drop' },
    { name: 'to one that stands back', order: { term: 5, to: 'c' }, wanted: 'drop' },
  ])('$name: $wanted', ({ order, wanted }) => {
    const sight = sightWith([{ name: 'a' }, { name: 'b' }, { name: 'c', standsBack: 'another engine' }]);
    expect(judgeTransfer({ ...order, askedAt: 1 }, sight, 5, SELF).kind).toBe(wanted);
  });

  test('to any other, and there is no other candidate: dropped', () => {
    const sight = sightWith([{ name: 'a' }, { name: 'c', standsBack: 'another engine' }]);
    expect(judgeTransfer({ term: 5, to: null, askedAt: 1 }, sight, 5, SELF).kind).toBe('drop');
  });
});

describe('head start', () => {
  const before: Succession = { term: 5, nodeId: 'l-1', sinceMs: 0, vacantSinceMs: 10_000, handedTo: 'b' };
  test.each([
    { name: 'nobody has led yet', succession: null, wanted: 0 },
    { name: 'nothing was ordered', succession: { ...before, handedTo: undefined }, wanted: 0 },
    { name: 'the leader is still there', succession: { ...before, vacantSinceMs: null }, wanted: 0 },
    { name: 'another one was named', succession: before, wanted: 700 },
    { name: 'this node was named', succession: { ...before, handedTo: 'a' }, wanted: 0 },
    { name: 'the named one is gone', succession: { ...before, handedTo: 'x' }, wanted: 0 },
    { name: 'any other but the old leader', succession: { ...before, handedTo: null }, wanted: 0 },
    { name: 'this node was the old leader', succession: { ...before, handedTo: null, nodeId: 'a-1' }, wanted: 700 },
    { name: 'it was long ago', succession: { ...before, vacantSinceMs: 1 }, wanted: 0 },
  ])('$name: $wanted ms', ({ succession, wanted }) => {
    const sight = sightWith([{ name: 'a' }, { name: 'b' }]);
    expect(headStartLeftMs(succession, sight, SELF, { nowMs: 10_300, headStartMs: 1_000 })).toBe(wanted);
  });
});

describe('a cluster of three, led by a', () => {
  let world: ClusterWorld;
  let nodes: readonly TestNode[];
  beforeEach(async () => {
    world = await ClusterWorld.create();
    nodes = await world.joinAll(['a', 'b', 'c']);
    await world.pass(3_000);
  });
  afterEach(() => world.end());

  const leaderName = () => world.leaders().map(({ self }) => self.name);

  test.each(['b', 'c'])('a transfer to %s is obeyed within a moment, and its order is gone', async (to) => {
    await world.transfer(to);
    await world.pass(200);
    expect(leaderName()).toEqual([to]);
    expect(await world.state.get(keys.transfer())).toBeNull();
  });

  test('a transfer to any other moves the leadership away', async () => {
    await world.transfer(null);
    await world.pass(200);
    expect(leaderName()).not.toContain('a');
    expect(leaderName()).toHaveLength(1);
  });

  test('a transfer to a node that does not take it up is overtaken by the others', async () => {
    nodes[1]?.link.cut();
    await world.transfer('b');
    await world.pass(500);
    expect(leaderName()).toEqual([]);
    await world.pass(1_000);
    expect(['a', 'c']).toContain(leaderName()[0]);
  });

  test.each([
    { name: 'an older term', to: 'b', term: 1 },
    { name: 'a node that does not exist', to: 'x', term: undefined },
  ])('an order for $name is dropped, and nothing changes', async ({ to, term }) => {
    await world.transfer(to, term);
    await world.pass(1_000);
    expect(await world.state.get(keys.transfer())).toBeNull();
    expect(nodes.map(({ reigns }) => reigns.length)).toEqual([1, 0, 0]);
  });

  test('a drained leader hands over, is not ready and does not lead again until the order is taken back', async () => {
    await world.drain('a');
    await world.pass(200);
    const [a, b, c] = nodes;
    expect(leaderName()).not.toContain('a');
    expect(a?.node.readiness()).toEqual({ ready: false, reasons: ['An operator drains this node.'] });
    expect(b?.node.readiness().ready).toBe(true);
    const seen = c?.node.status().members.find(({ name }) => name === 'a');
    expect(seen?.standsBack).toBe('An operator drains this node.');
    for (const node of [b, c]) if (node !== undefined) await world.stop(node);
    await world.pass(10_000);
    expect(leaderName()).toEqual([]);
    await world.state.commit({ compares: [], writes: [{ op: 'delete', key: keys.drain('a') }] });
    await world.pass(100);
    expect(leaderName()).toEqual(['a']);
    expect(a?.node.readiness().ready).toBe(true);
  });

  test('a node that joins while it is to be drained does not lead', async () => {
    for (const node of nodes) await world.stop(node);
    await world.drain('d');
    const late = await world.join('d');
    await world.pass(3_000);
    expect(late.node.status()).toMatchObject({ leader: false, standsBack: 'An operator drains this node.' });
  });
});
