import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createReign } from '../../../cluster/leadership.ts';
import type { Leadership } from '../../../cluster/leadership.ts';
import { keys } from '../../../store/keys.ts';
import { AppError, InvariantError } from '../../../store/model/errors.ts';
import type { RecordCodec } from '../../../store/codec.ts';
import { leaderRecord, memberRecord } from '../../../store/records/cluster-records.ts';
import type { CommitFault } from '../../../store/state/memory/faults.ts';
import type { KeyValue, Transaction } from '../../../store/state/port.ts';
import { ClusterWorld, writesKey } from './cluster-world.ts';
import type { StoreLink } from './store-link.ts';
import { aMember } from './worlds.ts';

let world: ClusterWorld;
beforeEach(async () => {
  world = await ClusterWorld.create();
});
afterEach(() => world.end());

async function fencedWrite(leadership: Leadership | undefined): Promise<boolean> {
  if (leadership === undefined) throw new Error('there was a term');
  const write = { op: 'put', key: 'run/x', value: 'x' } as const;
  return (await world.state.commit({ compares: [leadership.fence], writes: [write] })).succeeded;
}

function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** The nth claim to lead that the store took. */
async function claimOf(nth: number): Promise<KeyValue> {
  const found: KeyValue[] = [];
  const controller = new AbortController();
  const watch = await world.state.watch(keys.cluster(), { fromRevision: 1, signal: controller.signal });
  for await (const { events } of watch) {
    for (const event of events) if (event.type === 'put' && event.kv.key === keys.leader()) found.push(event.kv);
    const claim = found[nth - 1];
    if (claim === undefined) continue;
    controller.abort();
    return claim;
  }
  throw new Error('there was no such claim');
}

/** The first claim to lead meets the fault. */
function onFirstClaim(link: StoreLink, fault: CommitFault, then: () => void = () => undefined): void {
  let met = false;
  link.decide = (transaction) => {
    if (met || !writesKey(transaction, keys.leader())) return undefined;
    met = true;
    then();
    return fault;
  };
}

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
    await world.pass(10_000);
    expect(world.leaders()).toHaveLength(1);
    expect(nodes.map(({ node }) => node.status().leaderName)).toEqual(['a', 'a', 'a']);
    expect(nodes.map(({ reigns }) => reigns.length)).toEqual([1, 0, 0]);
  });

  test('a leader that stops resigns: another leads within a moment, with a higher term', async () => {
    const [first] = await world.joinAll(['a', 'b', 'c']);
    const before = first?.node.status().term ?? 0;
    const stopped = first?.node.stop();
    await world.pass(100);
    await stopped;
    expect(world.leaders().map(({ node }) => (node.status().term ?? 0) > before)).toEqual([true]);
  });

  test('the first act of a term is a fenced write; only after its clear answer the duties begin', async () => {
    const seen: string[] = [];
    let unclear = 2;
    const first = await world.join('a', {
      onLink: (link) => {
        link.decide = (transaction: Transaction) => {
          if (!writesKey(transaction, keys.barrier())) return undefined;
          seen.push(transaction.compares.some(({ key }) => key === keys.leader()) ? 'fenced' : 'open');
          return unclear-- > 0 ? { kind: 'unknown', landsAfterMs: 0 } : undefined;
        };
      },
    });
    expect(first.reigns).toHaveLength(0);
    await world.pass(2_000);
    expect(seen).toEqual(['fenced', 'fenced', 'fenced']);
    expect(first.reigns).toHaveLength(1);
  });

  test('a lease that is revoked ends the term at once; its fenced writes are refused, and the next term is higher', async () => {
    const first = await world.join('a');
    const leader = await world.state.get(keys.leader());
    await world.state.revokeLease(leader?.lease ?? '');
    expect(await fencedWrite(first.reigns[0])).toBe(false);
    await world.pass(50);
    expect(first.reigns[0]?.signal.aborted).toBe(true);
    await world.pass(1_000);
    expect(first.reigns[1]?.term).toBeGreaterThan(first.reigns[0]?.term ?? 0);
    expect(await fencedWrite(first.reigns[1])).toBe(true);
  });
});

describe('election, when answers are lost', () => {
  test.each([
    { name: 'it landed', fault: { kind: 'unknown', landsAfterMs: 0 } },
    { name: 'it never landed', fault: { kind: 'unknown', landsAfterMs: null } },
    { name: 'it lands after another claim', fault: { kind: 'unknown', landsAfterMs: 700 } },
    { name: 'it lands at once after the read', fault: { kind: 'unknown', landsAfterMs: 1 } },
  ] as const)('a claim without an answer is read back: $name', async ({ fault }) => {
    const first = await world.join('a', { onLink: (link) => onFirstClaim(link, fault) });
    await world.pass(10_000);
    const leader = await world.state.get(keys.leader());
    expect(first.node.status()).toMatchObject({ leader: true, term: leader?.createRevision });
    expect(await fencedWrite(first.reigns.at(-1))).toBe(true);
    const count = (name: string) => first.link.calls.filter((call) => call === name).length;
    // Of the leader key and of the member key: no other lease is left.
    expect(count('grantLease') - count('revokeLease')).toBe(2);
  });

  test.each([
    { key: keys.leader(), codec: leaderRecord, value: { name: 'a', nodeId: 'a-1', nonce: 'n', lease: 'l' } },
    { key: keys.member('a'), codec: memberRecord, value: aMember({ name: 'a', nodeId: 'a-1' }) },
  ])('a key of its own that it does not know of is given up: $key', async ({ key, codec, value }) => {
    const lease = await world.state.grantLease(600);
    const text = (codec as RecordCodec<object>).encode(value);
    await world.state.commit({ compares: [], writes: [{ op: 'put', key, value: text, lease: lease.id }] });
    const first = await world.join('a', { self: { machine: '' } });
    await world.pass(1_000);
    expect(first.self.nodeId).toBe('a-1');
    expect(first.node.status()).toMatchObject({ leader: true, problems: [] });
  });

  test.each([
    { awayMs: 0, claims: 1 },
    { awayMs: 200, claims: 1 },
    { awayMs: 3_600, claims: 2 },
  ])('a claim that cannot be read back for $awayMs ms leaves no ghost', async ({ awayMs, claims }) => {
    const first = await world.join('a', {
      onLink: (link) =>
        onFirstClaim(link, { kind: 'unknown', landsAfterMs: 0 }, () => queueMicrotask(() => link.cut())),
    });
    await world.pass(awayMs);
    first.link.heal();
    await world.pass(7_000);
    const leader = await world.state.get(keys.leader());
    expect(first.node.status()).toMatchObject({ leader: true, term: leader?.createRevision });
    // One that is known too late is not even begun.
    expect(first.reigns).toHaveLength(1);
    const { createRevision } = await claimOf(1);
    expect(leader?.createRevision === createRevision).toBe(claims === 1);
    await world.stop(first);
    expect(await world.state.get(keys.leader())).toBeNull();
  });

  test('the time of a lease counts from the sending of its request', async () => {
    const cutOff = { name: 'cut', run: async ({ signal }: Leadership) => (link?.cut(), until(signal)) };
    let link: StoreLink | null = null;
    const joining = world.begin('a', {
      leaderDuties: [cutOff],
      onLink: (made) => {
        link = made;
        made.grantDelayMs = 900;
      },
    });
    await world.pass(1_900);
    const first = await joining;
    expect(first.reigns.map(({ signal }) => signal.aborted)).toEqual([false]);
    await world.pass(2_700);
    expect(first.reigns.map(({ signal }) => signal.aborted)).toEqual([true]);
  });

  test('a lost resignation is made up for by the next campaign of the same node', async () => {
    const first = await world.join('a');
    first.link.cut();
    await world.pass(3_600);
    expect(first.reigns[0]?.signal.aborted).toBe(true);
    first.link.heal();
    await world.pass(1_200);
    expect(first.node.status()).toMatchObject({ leader: true });
    expect(first.reigns).toHaveLength(2);
  });
});

describe('election, when the leader is cut off', () => {
  test('it stops leading by its own clock before anybody else begins', async () => {
    const [first, second] = await world.joinAll(['a', 'b']);
    if (first === undefined || second === undefined) throw new Error('both have joined');
    // Nobody hears that its store is silent: only the lease can end.
    world.network.cut('a:7000', 'b:7000');
    first.link.cut();
    await world.pass(3_600);
    expect(first.reigns[0]?.signal.aborted).toBe(true);
    expect(second.reigns).toHaveLength(0);
    await world.pass(2_000);
    expect(second.reigns).toHaveLength(1);
    expect(await fencedWrite(first.reigns[0])).toBe(false);
    first.link.heal();
    await world.pass(5_000);
    expect(first.node.status()).toMatchObject({ leader: false, leaderName: 'b' });
  });

  test('a store that nobody reaches has no leader, and gets exactly one when it is back', async () => {
    const nodes = await world.joinAll(['a', 'b', 'c']);
    for (const { link } of nodes) link.cut();
    await world.pass(20_000);
    expect(world.leaders()).toEqual([]);
    for (const { link } of nodes) link.heal();
    await world.pass(3_000);
    expect(world.leaders()).toHaveLength(1);
  });

  test('stopping does not wait for a store that is away', async () => {
    const first = await world.join('a');
    first.link.cut();
    const stopped = first.node.stop();
    await world.pass(8_000);
    await stopped;
    expect(first.node.status().leader).toBe(false);
  });
});

describe('duties of the leader', () => {
  test('a duty that fails ends the term; the next one begins', async () => {
    let runs = 0;
    const run = async ({ signal }: Leadership) => {
      runs++;
      if (runs === 1) throw new AppError('internal', 'broken');
      await until(signal);
    };
    const first = await world.join('a', { leaderDuties: [{ name: 'fragile', run }] });
    await world.pass(2_000);
    expect(first.reigns.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(runs).toBe(2);
  });

  test('one that always fails does not make term after term without a pause', async () => {
    const run = () => Promise.reject(new AppError('internal', 'broken'));
    const first = await world.join('a', { leaderDuties: [{ name: 'broken', run }] });
    await world.pass(5_000);
    expect(first.reigns.length).toBeGreaterThan(5);
    expect(first.reigns.length).toBeLessThan(15);
  });

  test('a broken invariant is told to whoever runs the node', async () => {
    const run = () => Promise.reject(new InvariantError('RUN-1', 'two leaders'));
    const first = await world.join('a', { leaderDuties: [{ name: 'broken', run }] });
    await expect(first.node.failed).rejects.toThrow('invariant RUN-1 broken');
  });

  test('one that is slow to stop does not keep the key, and never runs twice', async () => {
    let running = 0;
    let most = 0;
    const run = async ({ signal }: Leadership) => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => setTimeout(resolve, 6_000)));
      running--;
    };
    const first = await world.join('a', { leaderDuties: [{ name: 'slow', run }] });
    const second = await world.join('b');
    await world.transfer('b');
    await world.pass(2_500);
    expect(second.node.status().leader).toBe(true);
    await world.stop(second);
    await world.pass(5_000);
    expect(first.node.status().leader).toBe(true);
    expect(most).toBe(1);
  });
});

describe('leadership', () => {
  test('without an answered keep-alive it ends by its own deadline, counted from the sending', () => {
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
});
