// The clock by which silence is counted: time in which the process itself did not run is nobody's silence.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAwakeClock } from '../../../cluster/peers/awake-clock.ts';

const TICK_MS = 250;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('it runs as the monotonic clock does while the process runs', () => {
  const clock = createAwakeClock({ monotonicMs: () => performance.now(), tickMs: TICK_MS });
  const begun = clock.now();
  vi.advanceTimersByTime(12_345);
  expect(clock.now() - begun).toBe(12_345);
  clock.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('a process that was frozen for a minute counts one tick of it, whether a timer or a reader comes first', () => {
  let frozen = 0;
  const clock = createAwakeClock({ monotonicMs: () => performance.now() + frozen, tickMs: TICK_MS });
  const begun = clock.now();
  frozen += 60_000;
  expect(clock.now() - begun).toBe(TICK_MS);
  frozen += 60_000;
  vi.advanceTimersByTime(TICK_MS);
  expect(clock.now() - begun).toBe(2 * TICK_MS);
});

test('a late tick of a busy machine is counted whole', () => {
  let late = 0;
  const clock = createAwakeClock({ monotonicMs: () => performance.now() + late, tickMs: TICK_MS });
  const begun = clock.now();
  late += 2 * TICK_MS;
  expect(clock.now() - begun).toBe(2 * TICK_MS);
});
