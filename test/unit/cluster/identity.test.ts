// Which store, which engine: what a node refuses to work with, and how it says so.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { judgeEngine } from '../../../cluster/engine-gate.ts';
import { storeRefusal } from '../../../cluster/identity.ts';
import { keys } from '../../../store/keys.ts';
import { clusterEngineRecord } from '../../../store/records/cluster-records.ts';
import { ClusterWorld, anInstalledStore, writesKey } from './cluster-world.ts';
import { MemoryInMemory } from './memory-in-memory.ts';
import { aMember } from './worlds.ts';

const OTHER = { engine: { kind: 'docker', identity: 'other', where: 'another socket' } };

let world: ClusterWorld;
beforeEach(async () => {
  world = await ClusterWorld.create();
});
afterEach(() => world.end());

describe('the store', () => {
  const known = { clusterId: 'cluster-1', highestRevision: 100, highestTerm: 50 };
  test.each([
    {
      name: 'a node that remembers nothing',
      remembered: null,
      facts: { clusterId: 'x', revision: 1, term: 1 },
      says: null,
    },
    {
      name: 'the one it was',
      remembered: known,
      facts: { clusterId: 'cluster-1', revision: 100, term: 50 },
      says: null,
    },
    {
      name: 'without a leader',
      remembered: known,
      facts: { clusterId: 'cluster-1', revision: 101, term: null },
      says: null,
    },
    {
      name: 'of another cluster',
      remembered: known,
      facts: { clusterId: 'cluster-2', revision: 200, term: 60 },
      says: 'installation cluster-1, but the state store belongs to installation cluster-2. Check the endpoints and the prefix',
    },
    {
      name: 'that is empty',
      remembered: known,
      facts: { clusterId: null, revision: 1, term: null },
      says: 'the state store holds no installation',
    },
    {
      name: 'with a lower revision',
      remembered: known,
      facts: { clusterId: 'cluster-1', revision: 99, term: 50 },
      says: 'went backwards: its revision is 99, and this node has seen 100',
    },
    {
      name: 'with an older leader',
      remembered: known,
      facts: { clusterId: 'cluster-1', revision: 100, term: 49 },
      says: 'went backwards: its term is 49, and this node has seen 50',
    },
  ])('$name', ({ remembered, facts, says }) => {
    const refusal = storeRefusal(remembered, facts, '/data/memory.json');
    if (says === null) return expect(refusal).toBeNull();
    expect(refusal).toContain(says);
    expect(refusal).toContain('remove /data/memory.json');
  });

  test.each([
    { name: 'of another cluster', remembered: { clusterId: 'cluster-2', highestRevision: 1, highestTerm: 1 } },
    { name: 'that went backwards', remembered: { clusterId: 'cluster-1', highestRevision: 1_000, highestTerm: 1 } },
  ])('a store $name is refused before anything is written', async ({ remembered }) => {
    const { revision } = await world.state.range(keys.cluster());
    const joining = world.begin('a', { memory: new MemoryInMemory(remembered) });
    joining.catch(() => undefined);
    await world.pass(1_000);
    await expect(joining).rejects.toThrow(expect.objectContaining({ code: 'invalid' }) as Error);
    expect((await world.state.range(keys.cluster())).revision).toBe(revision);
  });

  test('what a node has seen is remembered, and outlives it', async () => {
    const a = await world.join('a');
    await world.pass(2_000);
    const term = a.node.status().term;
    await world.stop(a);
    expect(a.memory.remembered).toMatchObject({ clusterId: 'cluster-1', highestTerm: term });
    expect(a.memory.remembered?.highestRevision).toBeGreaterThan(term ?? 0);
    const again = await world.join('a', { memory: a.memory });
    expect(again.node.readiness().ready).toBe(true);
  });

  test('a term that is not above every remembered one is not led', async () => {
    const remembered = { clusterId: 'cluster-1', highestRevision: 1, highestTerm: 1_000 };
    const a = await world.join('a', { memory: new MemoryInMemory(remembered) });
    await world.pass(3_000);
    expect(a.reigns).toEqual([]);
    expect(a.node.status().standsBack).toContain('went backwards: its term is');
    expect(await world.state.get(keys.leader())).toBeNull();
  });

  test('a store that goes backwards while a node leads: it steps down, is not ready and says what to do', async () => {
    const a = await world.join('a');
    await world.pass(1_000);
    a.link.goBackBy = 50;
    await world.pass(4_000);
    expect(a.reigns.map(({ signal }) => signal.aborted)).toEqual([true]);
    const [reason] = a.node.readiness().reasons;
    expect(reason).toContain('The state store went backwards');
    expect(reason).toContain('stop all nodes and remove the memory of the test on each');
    await world.pass(10_000);
    expect(a.reigns).toHaveLength(1);
  });

  test('a store that loses its records to another cluster lets nobody join again', async () => {
    const a = await world.join('a');
    const other = await anInstalledStore('cluster-2');
    for (const { key } of (await world.state.range(keys.cluster())).kvs) {
      await world.state.commit({ compares: [], writes: [{ op: 'delete', key }] });
    }
    const meta = await other.get(keys.meta());
    await world.state.commit({ compares: [], writes: [{ op: 'put', key: keys.meta(), value: meta?.value ?? '' }] });
    await world.pass(3_000);
    expect(a.node.readiness().reasons.join()).toContain('belongs to installation cluster-2');
  });
});

describe('the engine', () => {
  const own = aMember({}).engine;
  const recorded = (identity: string) => ({ record: { ...own, identity, by: 'x', since: 1 }, modRevision: 1 });
  const members = (...identities: string[]) =>
    identities.map((identity) => {
      return { member: aMember({ name: identity, identity }), createRevision: 1, modRevision: 1, lease: '' };
    });
  const leader = { claim: { name: 'x', nodeId: 'x', nonce: '', lease: '' }, term: 1, lease: '' };

  test.each([
    { name: 'none is recorded', sight: { engine: null, leader: null, members: [] }, orphanedMs: 0, wanted: 'record' },
    { name: 'it is ours', sight: { engine: recorded('shared'), leader, members: [] }, orphanedMs: 0, wanted: 'same' },
    {
      name: 'another one, which a live member has',
      sight: { engine: recorded('other'), leader: null, members: members('shared', 'other') },
      orphanedMs: 99_000,
      wanted: 'stand_back',
    },
    {
      name: 'another one, and somebody leads',
      sight: { engine: recorded('other'), leader, members: members('shared') },
      orphanedMs: 99_000,
      wanted: 'stand_back',
    },
    {
      name: 'another one, which nobody has had for a moment',
      sight: { engine: recorded('other'), leader: null, members: members('shared') },
      orphanedMs: 29_999,
      wanted: 'stand_back',
    },
    {
      name: 'another one, which nobody has had for long',
      sight: { engine: recorded('other'), leader: null, members: members('shared') },
      orphanedMs: 30_000,
      wanted: 'move',
    },
  ])('$name: $wanted', ({ sight, orphanedMs, wanted }) => {
    expect(judgeEngine({ own, sight, orphanedMs, moveMs: 30_000 })).toBe(wanted);
  });

  test('the first node records its own', async () => {
    const a = await world.join('a');
    const kv = await world.state.get(keys.clusterEngine());
    expect(clusterEngineRecord.decode(kv?.value ?? '')).toMatchObject({ ...a.self.engine, by: 'a' });
  });

  test('a node with another one is a member that never leads, and says why', async () => {
    const [a, b] = [await world.join('a'), await world.join('b', { self: OTHER })];
    expect(b.node.readiness().ready).toBe(true);
    const why = 'Its engine, docker (another socket), is not the one of the cluster, process (/tasks, recorded by a)';
    expect(a.node.status().members.find(({ name }) => name === 'b')?.standsBack).toContain(why);
    a.kill();
    await world.pass(20_000);
    expect(b.reigns).toEqual([]);
  });

  test('once all nodes have another one for a while, the cluster moves to it', async () => {
    const [a, b] = [await world.join('a'), await world.join('b', { self: OTHER })];
    await world.stop(a);
    await world.pass(25_000);
    expect(b.reigns).toEqual([]);
    await world.pass(10_000);
    expect(b.node.status()).toMatchObject({ leader: true, standsBack: null });
    const late = await world.join('a');
    expect(late.node.status().standsBack).toContain('is not the one of the cluster, docker');
  });

  test('a node alone on its store moves at once', async () => {
    await world.stop(await world.join('a', { alone: true }));
    const again = await world.join('a', { alone: true, self: OTHER });
    expect(again.node.status()).toMatchObject({ leader: true, standsBack: null });
  });

  test('a candidate whose claim was on its way while the engine changed does not win', async () => {
    const [, b] = await world.joinAll(['a', 'b']);
    if (b === undefined) throw new Error('b has joined');
    b.link.decide = (transaction) =>
      writesKey(transaction, keys.leader()) ? { kind: 'delay', delayMs: 500 } : undefined;
    await world.drain('a');
    await world.pass(100);
    const value = clusterEngineRecord.encode({ ...OTHER.engine, by: 'x', since: 1 });
    await world.state.commit({ compares: [], writes: [{ op: 'put', key: keys.clusterEngine(), value }] });
    await world.pass(5_000);
    expect(b.reigns).toEqual([]);
    expect(b.node.status().standsBack).toContain('is not the one of the cluster');
  });

  test('the engine does not change under a leader that was elected meanwhile', async () => {
    const a = await world.join('a');
    const b = await world.join('b', {
      self: OTHER,
      onLink: (link) => {
        link.decide = (transaction) =>
          writesKey(transaction, keys.clusterEngine()) ? { kind: 'delay', delayMs: 3_000 } : undefined;
      },
    });
    await world.stop(a);
    // Its change of the record is on its way by now.
    await world.pass(32_600);
    const again = await world.join('a', { self: { machine: 'm3' } });
    await world.pass(10_000);
    expect(again.node.status()).toMatchObject({ leader: true, standsBack: null });
    expect(b.reigns).toEqual([]);
  });
});
