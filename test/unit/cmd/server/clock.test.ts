import { expect, test } from 'vitest';
import { createSteadyClock } from '../../../../cmd/server/clock.ts';
import { chooseEngine } from '../../../../cmd/server/choose-engine.ts';

test('steady clock: follows the wall clock ahead, and never back', () => {
  let wall = 1_000_000;
  let monotonic = 0;
  const now = createSteadyClock({ wallMs: () => wall, monotonicMs: () => monotonic });
  expect(now()).toBe(1_000_000);
  wall += 3_600_000;
  expect(now()).toBe(4_600_000);
  wall -= 7_200_000;
  expect(now()).toBe(4_600_000);
  monotonic += 250;
  expect(now()).toBe(4_600_250);
});

test.each([
  ['process', null, 'process'],
  ['docker', 'refused', 'docker'],
  ['auto', null, 'docker'],
  ['auto', 'refused', 'process'],
])('engine: %s with a daemon that says %j gives %s', async (wanted, problem, kind) => {
  expect(await chooseEngine(wanted, () => Promise.resolve(problem))).toMatchObject({ kind });
});
