// A fault that meets no clients proves nothing (check TRAFFIC): it waits for them.

import { setTimeout as pause } from 'node:timers/promises';
import { WINDOW_MS } from '../checks/validity.ts';
import { BOUNDS } from '../session/collect.ts';
import type { Session } from '../session/session.ts';

/** More than the check asks for: a fault needs a moment to begin. */
const RESERVE = 3;
const LIMIT_MS = 60_000;
const LOOK_MS = 100;
/** Of all calls so far, those that can be recent. */
const LAST_CALLS = 100;

/** Calls of before `wellAt` do not count: clients that were held up by the last fault may need a moment more than the cluster. */
export async function enoughTraffic({ recorder, options }: Session, wellAt: number): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (performance.now() < end) {
    const since = Math.max(wellAt, performance.now() - WINDOW_MS);
    const recent = recorder.operations
      .slice(-LAST_CALLS)
      .filter(({ ret, out }) => out !== undefined && (ret ?? 0) >= since);
    if (recent.length >= BOUNDS[options.engine].callsMin + RESERVE) return;
    await pause(LOOK_MS);
  }
}
