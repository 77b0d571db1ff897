// What a node says about itself, and the small parts that it is told from.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { createClocks } from '../../../cluster/clocks.ts';
import { createEcho } from '../../../cluster/heartbeat.ts';
import { problemsOf, readinessOf } from '../../../cluster/node-status.ts';
import type { NodeFacts } from '../../../cluster/node-status.ts';
import type { Heard } from '../../../cluster/peers/port.ts';
import { sightOf } from '../../../cluster/sight.ts';
import { CLUSTER_TIMINGS } from '../../../cluster/timings.ts';
import { createBell, isOverWithin, pause, within } from '../../../cluster/waiting.ts';
import { keys } from '../../../store/keys.ts';
import type { KeyValue } from '../../../store/state/port.ts';
import { ClusterWorld } from './cluster-world.ts';

const WELL: NodeFacts = {
  ...{ absence: null, drained: false, standsBack: null, refusal: null, storeSilentMs: 900, readOnly: false },
  ...{ lagMs: 3, clock: { name: 'b', ms: -200 }, damaged: [] },
};
const SILENT = 'The state store has not answered for 3.5 s.';
const LAGGING = 'What this node sees of the state store is 6.0 s old.';

describe('a node', () => {
  test.each([
    { name: 'is well', facts: {}, problems: [], reasons: [] },
    { name: 'is drained', facts: { drained: true }, problems: [], reasons: ['An operator drains this node.'] },
    { name: 'stands back', facts: { standsBack: 'Its engine.' }, problems: ['Its engine.'], reasons: [] },
    { name: 'is no member', facts: { absence: 'Absent.' }, problems: ['Absent.'], reasons: ['Absent.'] },
    { name: 'refuses the store', facts: { refusal: 'Old.' }, problems: ['Old.'], reasons: ['Old.'] },
    { name: 'hears no store', facts: { storeSilentMs: 3_500 }, problems: [SILENT], reasons: [SILENT] },
    {
      name: 'hears no store, so nothing comes back or is written',
      facts: { storeSilentMs: 3_500, lagMs: 6_000, readOnly: true },
      problems: [SILENT],
      reasons: [SILENT],
    },
    { name: 'lags', facts: { lagMs: 6_000 }, problems: [LAGGING], reasons: [LAGGING] },
    {
      name: 'cannot write',
      facts: { readOnly: true },
      problems: ['The state store does not take writes.'],
      reasons: [],
    },
    {
      name: 'sees a clock that is ahead',
      facts: { clock: { name: 'b', ms: 4_200 } },
      problems: ['The clock of b is 4.2 s ahead of the clock of this node.'],
      reasons: [],
    },
    {
      name: 'sees a clock that is behind',
      facts: { clock: { name: 'b', ms: -4_200 } },
      problems: ['The clock of b is 4.2 s behind the clock of this node.'],
      reasons: [],
    },
    {
      name: 'found a damaged record',
      facts: { damaged: ['cluster/format'] },
      problems: ['The record cluster/format cannot be read.'],
      reasons: [],
    },
  ])('that $name', ({ facts, problems, reasons }) => {
    expect(problemsOf({ ...WELL, ...facts }, CLUSTER_TIMINGS)).toEqual(problems);
    expect(readinessOf({ ...WELL, ...facts }, CLUSTER_TIMINGS)).toEqual({ ready: reasons.length === 0, reasons });
  });

  test('clocks that are far apart are reported by both, and change nothing', async () => {
    const world = await ClusterWorld.create();
    const a = await world.join('a');
    const b = await world.join('b', { now: () => Date.now() + 60_000 });
    await world.pass(8_000);
    expect(a.node.status().problems).toEqual(['The clock of b is 60.0 s ahead of the clock of this node.']);
    expect(b.node.status().problems).toEqual(['The clock of a is 60.0 s behind the clock of this node.']);
    expect(a.node.status().members.map(({ health }) => health.clockOffsetMs)).toEqual([60_000, -60_000]);
    expect(a.node.readiness().ready && a.node.status().leader).toBe(true);
    await world.end();
  });
});

describe('clocks', () => {
  const heard = (clock: number, silentMs = 0): Heard => ({
    target: { name: 'b', nodeId: 'b-1', address: 'b:1' },
    pulse: { nodeId: 'b-1', name: 'b', term: null, storeSilentMs: 0, leader: null, clock },
    ...{ silentMs, broken: false },
  });

  test('a pulse that was late on its way is not taken for a clock that is behind', () => {
    const clocks = createClocks();
    clocks.sample([heard(1_000)], 1_000);
    clocks.sample([heard(2_000)], 9_000);
    expect(clocks.furthest()).toEqual({ name: 'b', ms: 0 });
  });

  test('one that stays behind is told after a few pulses', () => {
    const clocks = createClocks();
    for (let at = 0; at < 10; at++) clocks.sample([heard(at * 1_000 + (at < 3 ? 0 : -7_000), 5)], at * 1_000 + 5);
    expect(clocks.furthest()).toEqual({ name: 'b', ms: -7_000 });
  });

  test('a peer that left is forgotten', () => {
    const clocks = createClocks();
    clocks.sample([heard(1_000)], 1_000);
    clocks.sample([], 2_000);
    expect(clocks.furthest()).toBeNull();
  });
});

describe('echo', () => {
  test('the lag is the time from the answer to the echo, and grows while the echo is missing', () => {
    let now = 0;
    const echo = createEcho(() => now);
    expect(echo.lagMs()).toBeNull();
    echo.written(5);
    now = 40;
    expect(echo.lagMs()).toBe(40);
    echo.written(9);
    now = 70;
    echo.seen(5);
    expect(echo.lagMs()).toBe(70);
    echo.seen(9);
    echo.seen(12);
    echo.written(12);
    expect(echo.lagMs()).toBe(0);
  });
});

describe('sight', () => {
  const kv = (key: string, value: string): KeyValue => {
    return { key, value, createRevision: 3, modRevision: 4, version: 1, lease: 'lease-1' };
  };

  test('a leader record that cannot be read still has the key, its term and its lease', () => {
    const damaged = [kv(keys.leader(), 'rubbish'), kv(keys.member('a'), '{}'), kv(keys.drain('b'), '')];
    const sight = sightOf(new Map(damaged.map((each) => [each.key, each])), 9);
    expect(sight.leader).toMatchObject({ term: 3, lease: 'lease-1' });
    expect(sight.members).toEqual([]);
    expect(sight.damaged).toEqual([keys.leader(), keys.member('a')]);
  });
});

describe('waiting', () => {
  afterEach(() => vi.useRealTimers());

  test('a bell that rang before is heard once, and one that rings wakes', async () => {
    vi.useFakeTimers();
    const { signal } = new AbortController();
    const bell = createBell();
    bell.ring();
    bell.ring();
    await bell.wait(60_000, signal);
    const woken: string[] = [];
    const waiting = bell.wait(60_000, signal).then(() => woken.push('woken'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(woken).toEqual([]);
    bell.ring();
    await waiting;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('all waiting ends with its signal, and leaves no timer behind', async () => {
    vi.useFakeTimers();
    const controller = new AbortController();
    const waits = [pause(60_000, controller.signal), createBell().wait(60_000, controller.signal)];
    controller.abort();
    await Promise.all([...waits, pause(60_000, controller.signal), createBell().wait(60_000, controller.signal)]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a call that does not answer in time fails, with an unknown outcome', async () => {
    vi.useFakeTimers();
    const late = expect(within(new Promise(() => undefined), 700, 'commit')).rejects.toMatchObject({
      code: 'unavailable',
      outcome: 'unknown',
      detail: 'commit: no answer within 700 ms',
    });
    await vi.advanceTimersByTimeAsync(700);
    await late;
    await expect(within(Promise.resolve(7), 700, 'commit')).resolves.toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    { name: 'done', work: () => Promise.resolve(), wanted: true },
    { name: 'failed', work: () => Promise.reject(new Error('no')), wanted: true },
    { name: 'still under way', work: () => new Promise<void>(() => undefined), wanted: false },
  ])('work that is $name: over in time is $wanted', async ({ work, wanted }) => {
    vi.useFakeTimers();
    const over = isOverWithin(work(), 100);
    await vi.advanceTimersByTimeAsync(100);
    expect(await over).toBe(wanted);
    expect(vi.getTimerCount()).toBe(0);
  });
});
