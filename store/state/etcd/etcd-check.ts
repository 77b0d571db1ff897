// Before a node starts: is this the etcd that was meant, does it answer, may we read and write there? Waits a bounded time for an etcd
// that is still starting, and says at once what waiting would not mend.

import { setTimeout as pause } from 'node:timers/promises';
import { AppError, isAppError } from '../../model/errors.ts';
import type { StoreHealth, StoreProblem } from '../health.ts';
import type { EtcdStore } from './etcd-store.ts';
import { isDenied } from './etcd-errors.ts';
import { explainFault } from './explain-fault.ts';

export interface CheckOptions {
  /** For an etcd that is not there yet. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

const WAIT_MS = 30_000;
const AGAIN_MS = 200;
/** Nothing that a configuration says is mended by waiting. */
const FINAL = new Set(['denied', 'other_cluster', 'corrupt', 'went_back']);

/**
 * Resolves with what an operator should know although it works (a member that is down, no space left). Throws AppError('unavailable')
 * with one sentence for each thing that is wrong and what to do.
 */
export async function checkEtcd(store: EtcdStore, options: CheckOptions = {}): Promise<readonly StoreProblem[]> {
  const { waitMs = WAIT_MS, signal } = options;
  const until = performance.now() + waitMs;
  for (;;) {
    const health = await store.look();
    if (health.problems.some(({ code }) => FINAL.has(code))) throw refusal(health);
    const fault = health.status === 'unavailable' ? refusal(health) : await useFault(store);
    if (fault === null) return health.problems;
    if (isDenied(fault.cause) || performance.now() > until) throw fault;
    await pause(AGAIN_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/** Whether a key can be written below the prefix, without writing one. */
async function useFault(store: EtcdStore): Promise<AppError | null> {
  try {
    await store.commit({
      // Never true, so nothing is written; permission, space and majority are looked at all the same.
      compares: [
        { target: 'create', key: 'check', equals: 0 },
        { target: 'value', key: 'check', equals: '' },
      ],
      writes: [{ op: 'put', key: 'check', value: '' }],
    });
    return null;
  } catch (error) {
    if (!isAppError(error)) throw error;
    // Its health tells it, and it can be read: a node may start and wait for space.
    if (store.health().problems.some(({ code }) => code === 'no_space')) return null;
    return new AppError('unavailable', `etcd: ${explainFault(error.cause ?? error)}.`, { cause: error.cause });
  }
}

function refusal({ problems }: StoreHealth): AppError {
  return new AppError('unavailable', `etcd: ${problems.map(({ message }) => message).join(' ')}`);
}
