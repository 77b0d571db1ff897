// The time that a node goes by: its own, unless most of the others say that it is wrong.

import { describe, expect, test } from 'vitest';
import { createClusterClock } from '../../../cluster/cluster-clock.ts';
import { createClocks } from '../../../cluster/clocks.ts';
import type { Heard } from '../../../cluster/peers/port.ts';

const START = 1_000_000;
const HOUR = 3_600_000;

function aClock(options: { readonly alone?: boolean } = {}) {
  const machine = { wall: START, monotonic: 0 };
  const clock = createClusterClock(
    { alone: options.alone ?? false },
    { wallMs: () => machine.wall, monotonicMs: () => machine.monotonic },
  );
  return {
    ...clock,
    pass: (ms: number) => {
      machine.wall += ms;
      machine.monotonic += ms;
    },
    set: (byMs: number) => {
      machine.wall += byMs;
    },
  };
}

describe('alone', () => {
  test('the wall clock is followed ahead, and never back', () => {
    const { now, pass, set } = aClock({ alone: true });
    expect(now()).toBe(START);
    set(HOUR);
    expect(now()).toBe(START + HOUR);
    set(-2 * HOUR);
    expect(now()).toBe(START + HOUR);
    pass(250);
    expect(now()).toBe(START + HOUR + 250);
  });
});

describe('among others', () => {
  test('a jump ahead is followed once the others have had time to object', () => {
    const { now, own, jumps, pass, set } = aClock();
    set(HOUR);
    expect([now(), own(), jumps()]).toEqual([START, START + HOUR, 1]);
    pass(2_999);
    expect(now()).toBe(START + 2_999);
    pass(1);
    expect(now()).toBe(START + HOUR + 3_000);
  });

  test('a jump ahead that the others do not know of is never followed', () => {
    const { now, follow, pass, set } = aClock();
    set(HOUR);
    now();
    pass(1_000);
    follow(-HOUR);
    for (let round = 0; round < 10; round += 1) {
      expect(now()).toBe(START + (round + 1) * 1_000);
      pass(1_000);
    }
  });

  test('a jump that makes the clock right is followed as soon as the others say so', () => {
    const { now, follow, pass, set } = aClock();
    follow(HOUR);
    expect(now()).toBe(START + HOUR);
    set(HOUR);
    expect(now()).toBe(START + HOUR);
    follow(0);
    pass(5_000);
    expect(now()).toBe(START + HOUR + 5_000);
  });

  test('jumps that follow each other are held back together', () => {
    const { now, pass, set } = aClock();
    set(HOUR);
    now();
    pass(1_000);
    set(HOUR);
    expect(now()).toBe(START + 1_000);
  });

  test('small steps are followed at once', () => {
    const { now, jumps, set } = aClock();
    set(900);
    expect([now(), jumps()]).toEqual([START + 900, 0]);
  });
});

describe('the majority', () => {
  const heard = (clock: number, name: string): Heard => ({
    target: { name, nodeId: name, address: `${name}:1` },
    pulse: { nodeId: name, name, term: null, storeSilentMs: 0, leader: null, clock },
    ...{ silentMs: 0, broken: false },
  });
  const of = (...offsets: readonly number[]) => {
    const clocks = createClocks();
    clocks.sample(
      offsets.map((offset, index) => heard(START + offset, `n${index}`)),
      START,
    );
    return clocks.majority();
  };

  test.each<[string, readonly number[], number | null]>([
    ['nobody is heard', [], null],
    ['of two clocks none is known to be wrong', [HOUR], null],
    ['two against us', [-HOUR, -HOUR + 10], -HOUR],
    ['one of the others is wrong', [0, HOUR], 0],
    ['all differ', [-HOUR, HOUR], 0],
    ['four clocks, two and two', [0, HOUR, HOUR], 0],
    ['four clocks, three against us', [HOUR, HOUR, HOUR], HOUR],
    ['five clocks', [1, 2, HOUR, HOUR], 2],
  ])('%s', (_name, offsets, expected) => {
    const found = of(...offsets);
    expect(found === null || expected === null ? found : Math.abs(found - expected) <= 10).toBe(
      expected === null ? null : true,
    );
  });

  test('what was heard before our own clock jumped is forgotten', () => {
    const clocks = createClocks();
    for (const at of [0, 1, 2, 3]) clocks.sample([heard(START + at, 'b'), heard(START + at, 'c')], START + at, 0);
    clocks.sample([heard(START + 4, 'b'), heard(START + 4, 'c')], START + HOUR + 4, 1);
    expect(clocks.majority()).toBe(-HOUR);
  });
});
