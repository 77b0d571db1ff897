// A store that hiccups while a node starts does not end the start: the first steps may all be done twice, so they are.

import { setTimeout as pause } from 'node:timers/promises';
import { isAppError } from '../../store/model/errors.ts';

/** An etcd that elects a leader is back within a few seconds; who waits longer should be told why. */
const PATIENCE_MS = 15_000;
const AGAIN_MS = 200;

/** Repeats what is 'unavailable' for a while; `step` has to be repeatable. */
export async function patiently<T>(step: () => Promise<T>): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!isAppError(error, 'unavailable') || performance.now() > until) throw error;
    }
    await pause(AGAIN_MS);
  }
}
