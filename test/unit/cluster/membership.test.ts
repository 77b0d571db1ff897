import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { judgeNamesake } from '../../../cluster/namesake.ts';
import type { Presence } from '../../../cluster/presence.ts';
import { keys } from '../../../store/keys.ts';
import { AppError, InvariantError } from '../../../store/model/errors.ts';
import { memberRecord } from '../../../store/records/cluster-records.ts';
import type { TestNode } from './cluster-world.ts';
import { ClusterWorld, writesKey } from './cluster-world.ts';

let world: ClusterWorld;
beforeEach(async () => {
  world = await ClusterWorld.create();
});
afterEach(() => world.end());

async function recordOf(name: string) {
  const kv = await world.state.get(keys.member(name));
  return kv === null ? null : { ...memberRecord.decode(kv.value), revision: kv.modRevision, lease: kv.lease };
}

describe('a member', () => {
  test('its record says who it is, and is refreshed with how it feels', async () => {
    const a = await world.join('a');
    await world.pass(5_000);
    const first = await recordOf('a');
    expect(first).toMatchObject({ ...a.self, standsBack: null, health: { lagMs: 0, problems: [] } });
    expect(first?.health.storeMs).toBeLessThan(100);
    await world.pass(2_100);
    expect((await recordOf('a'))?.revision).toBeGreaterThan(first?.revision ?? 0);
  });

  test('alone on a store of its own it writes nothing while nothing changes', async () => {
    const a = await world.join('a', { alone: true });
    await world.pass(1_000);
    const calls = a.link.calls.length;
    await world.pass(60_000);
    expect(a.link.calls.slice(calls)).not.toContain('commit');
    expect(a.node.status()).toMatchObject({ leader: true, problems: [] });
  });

  test('when it stops its record is gone, and so is it for the others', async () => {
    const [a, b] = await world.joinAll(['a', 'b']);
    if (b !== undefined) await world.stop(b);
    expect(await recordOf('b')).toBeNull();
    expect(a?.node.status().members.map(({ name }) => name)).toEqual(['a']);
  });

  test('when its record is lost it joins again, under a new fence, and its duties start anew', async () => {
    const a = await world.join('a');
    await world.state.revokeLease((await recordOf('a'))?.lease ?? '');
    await world.pass(100);
    expect(await recordOf('a')).toMatchObject({ nodeId: a.self.nodeId });
    expect(a.presences.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    const holds = await Promise.all(a.presences.map((presence) => fenced(presence)));
    expect(holds).toEqual([false, true]);
  });

  test('cut off from the store it stops its duties before its record ends, and comes back', async () => {
    const [, b] = await world.joinAll(['a', 'b']);
    b?.link.cut();
    await world.pass(3_600);
    expect(b?.presences[0]?.signal.aborted).toBe(true);
    expect(b?.node.readiness().ready).toBe(false);
    await world.pass(3_000);
    expect(await recordOf('b')).toBeNull();
    b?.link.heal();
    await world.pass(3_000);
    expect(b?.presences).toHaveLength(2);
    expect(b?.node.readiness()).toEqual({ ready: true, reasons: [] });
  });

  test.each([0, 700, null])(
    'a joining without an answer (lands after %s ms) ends in one membership',
    async (landsAfterMs) => {
      let met = false;
      const a = await world.join('a', {
        onLink: (link) => {
          link.decide = (transaction) => {
            if (met || !writesKey(transaction, keys.member('a'))) return undefined;
            met = true;
            return { kind: 'unknown', landsAfterMs };
          };
        },
      });
      await world.pass(8_000);
      expect(a.presences.map(({ signal }) => signal.aborted)).toEqual([false]);
      expect(await fenced(a.presences[0])).toBe(true);
    },
  );

  test('a store that takes no writes costs nobody the membership, and is told', async () => {
    const a = await world.join('a');
    await world.pass(3_000);
    a.link.decide = () => ({ kind: 'not_applied' });
    await world.pass(30_000);
    expect(a.presences.map(({ signal }) => signal.aborted)).toEqual([false]);
    expect(a.node.status()).toMatchObject({ leader: true, problems: ['The state store does not take writes.'] });
    a.link.decide = () => undefined;
    await world.pass(3_000);
    expect(a.node.status().problems).toEqual([]);
  });

  async function fenced(presence: Presence | undefined): Promise<boolean> {
    const compares = presence === undefined ? [] : [presence.fence];
    return (await world.state.commit({ compares, writes: [{ op: 'put', key: 'x', value: 'x' }] })).succeeded;
  }
});

describe('duties of every node', () => {
  test('they know who is alive and how many share the work', async () => {
    const [a, b] = await world.joinAll(['a', 'b']);
    const [presence] = a?.presences ?? [];
    expect(presence?.memberCount()).toBe(2);
    expect(presence?.isAlive(b?.self.nodeId ?? '')).toBe(true);
    expect(presence?.isAlive('somebody else')).toBe(false);
    if (b !== undefined) await world.stop(b);
    expect(presence?.isAlive(b?.self.nodeId ?? '')).toBe(false);
  });

  test('one that fails ends the presence, and the next presence begins', async () => {
    let runs = 0;
    const run = async ({ signal }: Presence) => {
      if (++runs === 1) throw new AppError('internal', 'broken');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    };
    const a = await world.join('a', { nodeDuties: [{ name: 'fragile', run }] });
    await world.pass(1_000);
    expect(runs).toBe(2);
    expect(a.presences.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  test('a broken invariant is told to whoever runs the node', async () => {
    const run = () => Promise.reject(new InvariantError('LOG-1', 'two claims'));
    const a = await world.join('a', { nodeDuties: [{ name: 'broken', run }] });
    await expect(a.node.failed).rejects.toThrow('invariant LOG-1 broken');
  });
});

describe('two nodes with one name', () => {
  const nobody = { alone: false, process: null, probe: null, stirred: false, rejoining: false, waitedMs: 0, waitMs: 9 };
  test.each([
    { name: 'the store is its own', given: { alone: true, stirred: true }, wanted: 'take_over' },
    { name: 'its process is over', given: { process: 'gone' }, wanted: 'take_over' },
    { name: 'its process is over, yet it answers', given: { process: 'gone', probe: 'alive' }, wanted: 'refuse' },
    { name: 'its process is there', given: { process: 'there' }, wanted: 'wait' },
    { name: 'its process id was given to another', given: { process: 'there', probe: 'gone' }, wanted: 'take_over' },
    { name: 'nothing listens there', given: { probe: 'gone' }, wanted: 'take_over' },
    { name: 'nothing listens there, yet it writes', given: { probe: 'gone', stirred: true }, wanted: 'refuse' },
    { name: 'a node that had the name before', given: { probe: 'gone', rejoining: true }, wanted: 'wait' },
    { name: 'it answers', given: { probe: 'alive' }, wanted: 'refuse' },
    { name: 'it writes', given: { stirred: true }, wanted: 'refuse' },
    { name: 'it is silent', given: { probe: 'silent' }, wanted: 'wait' },
    { name: 'it is silent for too long', given: { probe: 'silent', waitedMs: 9 }, wanted: 'refuse' },
  ] as const)('$name: $wanted', ({ given, wanted }) => {
    expect(judgeNamesake({ ...nobody, ...given })).toBe(wanted);
  });

  test('the second is refused while the first is alive, with a sentence that says what to do', async () => {
    const a = await world.join('a');
    await expect(world.join('a', { self: { peerAddress: 'a:7001', machine: 'm2' } })).rejects.toThrow(
      /A node named a is alive already \(a:7000, process \d+\). Give each node a name of its own: cluster.name./,
    );
    expect(a.presences.map(({ signal }) => signal.aborted)).toEqual([false]);
  });

  test('after kill -9 the same node takes its name and the leadership over at once', async () => {
    const before = await world.join('a');
    before.kill();
    const after = await world.join('a', { isProcessGone: () => true });
    await world.pass(200);
    expect(after.node.status()).toMatchObject({ leader: true, leaderName: 'a' });
  });

  test('on another machine it takes over when nothing listens any more', async () => {
    const before = await world.join('a');
    before.kill();
    const after = await world.join('a', { self: { machine: 'm2', peerAddress: 'a:7001' } });
    expect(after.node.readiness().ready).toBe(true);
  });

  test('a first that is silent is waited for until its lease ends', async () => {
    const before = await world.join('a');
    before.link.cut();
    world.network.freeze('a:7000');
    const joining = world.begin('a', { self: { machine: 'm2', peerAddress: 'a:7001' } });
    let after: TestNode | null = null;
    joining.then(
      (node) => (after = node),
      () => undefined,
    );
    await world.pass(3_000);
    expect(after).toBeNull();
    await world.pass(4_000);
    expect(after).not.toBeNull();
  });

  test('a node that is frozen, loses its name to its successor and wakes up, stays outside and says so', async () => {
    const before = await world.join('a');
    before.link.cut();
    world.network.freeze('a:7000');
    const joining = world.begin('a', { self: { machine: 'm2', peerAddress: 'a:7001' } });
    await world.pass(8_000);
    const after = await joining;
    // Even if it looks as if nobody were there.
    if (before.peers !== null) before.peers.probe = () => Promise.resolve('gone');
    before.link.heal();
    world.network.thaw('a:7000');
    await world.pass(30_000);
    expect(before.node.readiness().reasons.join()).toContain('A node named a is alive already');
    expect(before.node.status().leader).toBe(false);
    expect(after.presences.map(({ signal }) => signal.aborted)).toEqual([false]);
  });
});
