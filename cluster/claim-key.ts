// Takes a key that only one may have: created if absent, under a lease of its own. An answer that leaves doubt is never guessed at:
// the key is read back until it is known whose it is, and a lease that is not wanted any more is revoked until that has worked,
// since a write that was lost on its way may still arrive and would find its lease gone.

import { errorText, isAppError } from '../store/model/errors.ts';
import type { Compare, KeyValue, Lease, Write } from '../store/state/port.ts';
import type { KeepingDeps } from './tenure.ts';
import { pause } from './waiting.ts';

export interface WantedKey {
  readonly key: string;
  /** Best with a text in it that is never used twice: together with the lease it tells whose the key is. */
  readonly value: (lease: string) => string;
  readonly compares: readonly Compare[];
  readonly writes: readonly Write[];
}

export interface Claimed {
  readonly lease: Lease;
  /** Of the key: no other claim ever has the same. */
  readonly createRevision: number;
  /** Before the lease was asked for: from here its time is counted. */
  readonly sentAtMs: number;
}

/** Null when somebody else has the key, or when it took too long to be of use. Throws what the store throws. */
export async function claimKey(deps: KeepingDeps, wanted: WantedKey, signal: AbortSignal): Promise<Claimed | null> {
  const { line, timings, monotonicMs } = deps;
  const sentAtMs = monotonicMs();
  const lease = await line.grant();
  let claimed: Claimed | null = null;
  try {
    const createRevision = await take({ deps, wanted, lease: lease.id, signal });
    const inTime = monotonicMs() < sentAtMs + timings.holdMs;
    if (createRevision !== null && inTime) claimed = { lease, createRevision, sentAtMs };
    return claimed;
  } finally {
    if (claimed === null) await giveBack(deps, lease.id, signal);
  }
}

interface Taking {
  readonly deps: KeepingDeps;
  readonly wanted: WantedKey;
  readonly lease: string;
  readonly signal: AbortSignal;
}

/** The key's create revision when it is ours, else null. */
async function take({ deps, wanted, lease, signal }: Taking): Promise<number | null> {
  const { key, compares, writes } = wanted;
  const value = wanted.value(lease);
  const isOurs = (kv: KeyValue) => kv.value === value && kv.lease === lease;
  try {
    const result = await deps.line.commit({
      compares: [{ target: 'create', key, equals: 0 }, ...compares],
      writes: [{ op: 'put', key, value, lease }, ...writes],
      readOnFailure: [key],
    });
    if (result.succeeded) return result.revision;
    const found = result.found.find((kv) => kv.key === key);
    return found !== undefined && isOurs(found) ? found.createRevision : null;
  } catch (error) {
    if (!isAppError(error, 'unavailable') || error.outcome === 'not_applied') throw error;
    deps.log.warn({ key, error: errorText(error) }, 'no clear answer to a claim, reading it back');
  }
  const found = await readBack(deps, key, signal);
  return found !== null && isOurs(found) ? found.createRevision : null;
}

async function readBack({ line, timings, log }: KeepingDeps, key: string, signal: AbortSignal) {
  while (!signal.aborted) {
    try {
      return await line.get(key);
    } catch (error) {
      log.warn({ key, error: errorText(error) }, 'a claim could not be read back yet');
      await pause(timings.retryMs, signal);
    }
  }
  return null;
}

/** A node that stops tries once: nobody keeps the lease any more, so it ends by itself. */
export async function giveBack({ line, timings, log }: KeepingDeps, lease: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await line.revoke(lease);
    } catch (error) {
      log.warn({ lease, error: errorText(error) }, 'a lease could not be revoked yet');
      if (signal.aborted) return;
      await pause(timings.retryMs, signal);
    }
  }
}
