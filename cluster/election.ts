// The election: one leader key, created only if absent, under a lease. Written once on the state port; a single node campaigns
// like any other and wins at once, so nothing else in the program knows whether it is alone.
//
// A node is a candidate (its lease may or may not be granted), then the leader (the key is its own: its create revision is the
// term), then a candidate again. Answers that leave doubt are never guessed at: the key is read back and its nonce compared.
// Losing leadership without cause happens, and is harmless: all leader writes are fenced.

import { randomUUID } from 'node:crypto';
import { keys } from '../store/keys.ts';
import { AppError, InvariantError, errorText, isAppError } from '../store/model/errors.ts';
import { prefixRange } from '../store/state/port.ts';
import type { KeyValue, Lease, StateStore } from '../store/state/port.ts';
import { createReign } from './leadership.ts';
import type { LeaderDuty, Reign } from './leadership.ts';

export interface ElectionTimings {
  readonly leaseTtlSeconds: number;
  readonly keepAliveMs: number;
  /** One keep-alive call; the next one goes out after it in any case. */
  readonly keepAliveDeadlineMs: number;
  /** Leading without an answered keep-alive, counted from its sending. Well below the lease's time. */
  readonly holdMs: number;
  /** A candidate looks at the key this often, besides watching it. */
  readonly pollMs: number;
}

/** A lost lease costs 5 s at worst; below 3 s a loaded machine would lose it without cause. */
export const ELECTION_TIMINGS: ElectionTimings = {
  leaseTtlSeconds: 5,
  keepAliveMs: 1_000,
  keepAliveDeadlineMs: 700,
  holdMs: 3_500,
  pollMs: 2_500,
};

export interface ElectionDeps {
  readonly state: StateStore;
  readonly nodeId: string;
  readonly duties: readonly LeaderDuty[];
  readonly timings: ElectionTimings;
  readonly monotonicMs: () => number;
  readonly log: ElectionLog;
}

export interface ElectionLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Election {
  /** Leader's node id and term, as far as this node knows; null while there is none. */
  status(): { readonly leader: boolean; readonly term: number | null };
  /** Resolves when this node leads for the first time. */
  readonly elected: Promise<void>;
  /** Rejects when an invariant broke: the process has to stop. */
  readonly failed: Promise<never>;
  /** Resigns at once, after the duties have stopped. */
  stop(): Promise<void>;
}

export function startElection(deps: ElectionDeps): Election {
  const stopping = new AbortController();
  let reign: Reign | null = null;
  let markElected: () => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const elected = new Promise<void>((resolve) => (markElected = resolve));
  const failed = new Promise<never>((_resolve, reject) => (fail = reject));
  // Whoever cares awaits it; nobody has to.
  failed.catch(() => undefined);

  async function campaignForEver(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const won = await campaign(deps, stopping.signal);
        if (won === null) continue;
        reign = won.reign;
        deps.log.info({ term: won.reign.leadership.term, nodeId: deps.nodeId }, 'leading');
        await lead({ deps, won, stopping: stopping.signal, onElected: markElected });
      } catch (error) {
        if (error instanceof InvariantError) fail(error);
        deps.log.warn({ error: errorText(error) }, 'campaign failed, trying again');
        await pause(deps.timings.keepAliveMs, stopping.signal);
      } finally {
        reign = null;
      }
    }
  }

  const done = campaignForEver();
  return {
    status: () => ({ leader: reign !== null, term: reign?.leadership.term ?? null }),
    elected,
    failed,
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

interface Won {
  readonly reign: Reign;
  readonly lease: Lease;
}

/** One try: null when somebody else leads and that has just changed or the poll is due. */
async function campaign(deps: ElectionDeps, signal: AbortSignal): Promise<Won | null> {
  const { state, nodeId, timings, monotonicMs } = deps;
  const held = await state.get(keys.leader());
  if (held !== null) {
    await leaderChange(deps, held, signal);
    return null;
  }
  const sentAtMs = monotonicMs();
  const lease = await state.grantLease(timings.leaseTtlSeconds);
  const nonce = randomUUID();
  try {
    await state.commit({
      compares: [{ target: 'create', key: keys.leader(), equals: 0 }],
      writes: [
        {
          op: 'put',
          key: keys.leader(),
          value: JSON.stringify({ v: 1, nodeId, nonce, lease: lease.id }),
          lease: lease.id,
        },
      ],
    });
  } catch (error) {
    // The outcome may be unknown: reading the key back decides.
    if (!isAppError(error, 'unavailable')) throw error;
  }
  const now = await state.get(keys.leader());
  if (now === null || nonceOf(now) !== nonce) {
    await state.revokeLease(lease.id);
    return null;
  }
  return { lease, reign: createReign({ term: now.createRevision, sentAtMs, holdMs: timings.holdMs, monotonicMs }) };
}

function nonceOf(kv: KeyValue): string | null {
  try {
    const value: unknown = JSON.parse(kv.value);
    if (typeof value !== 'object' || value === null || !('nonce' in value)) return null;
    return typeof value.nonce === 'string' ? value.nonce : null;
  } catch {
    return null;
  }
}

/** Waits until the leader key changes, or the poll is due: never for a watch alone. */
async function leaderChange(deps: ElectionDeps, held: KeyValue, signal: AbortSignal): Promise<void> {
  const controller = new AbortController();
  const both = AbortSignal.any([signal, controller.signal]);
  const timer = setTimeout(() => controller.abort(), deps.timings.pollMs);
  try {
    const range = { start: keys.leader(), end: prefixRange(keys.leader()).end };
    const watch = await deps.state.watch(range, { fromRevision: held.modRevision + 1, signal: both });
    for await (const _batch of watch) return;
  } catch (error) {
    deps.log.warn({ error: errorText(error) }, 'watching the leader failed');
    await pause(deps.timings.keepAliveMs, both);
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

interface Lead {
  readonly deps: ElectionDeps;
  readonly won: Won;
  readonly stopping: AbortSignal;
  readonly onElected: () => void;
}

async function lead({ deps, won, stopping, onElected }: Lead): Promise<void> {
  const { reign, lease } = won;
  const { leadership } = reign;
  const resign = () => reign.end('resigning');
  stopping.addEventListener('abort', resign, { once: true });
  if (stopping.aborted) resign();
  const keeping = keepAlive(deps, won);
  try {
    await barrier(deps, won);
    onElected();
    await Promise.all(deps.duties.map((duty) => runDuty(deps, duty, reign)));
    await aborted(leadership.signal);
  } finally {
    reign.end('the duties have ended');
    stopping.removeEventListener('abort', resign);
    await keeping;
    deps.log.info({ term: leadership.term, reason: errorText(leadership.signal.reason) }, 'no longer leading');
    // Deletes the leader key with the lease: the next leader need not wait for its end.
    await deps.state.revokeLease(lease.id).catch(() => undefined);
  }
}

async function runDuty(deps: ElectionDeps, duty: LeaderDuty, reign: Reign): Promise<void> {
  try {
    await duty.run(reign.leadership);
  } catch (error) {
    reign.end(`duty ${duty.name} failed: ${errorText(error)}`);
    if (error instanceof InvariantError) throw error;
    if (!isAppError(error, 'lost_leadership'))
      deps.log.warn({ duty: duty.name, error: errorText(error) }, 'leader duty failed');
  }
}

/** The first act of a term is a fenced write: from here on no older term's write can still land unseen. */
async function barrier(deps: ElectionDeps, { reign }: Won): Promise<void> {
  const { leadership } = reign;
  const result = await deps.state.commit({
    compares: [leadership.fence],
    writes: [
      { op: 'put', key: keys.barrier(), value: JSON.stringify({ v: 1, term: leadership.term, nodeId: deps.nodeId }) },
    ],
  });
  if (!result.succeeded) throw new AppError('lost_leadership', 'The term ended before it began.');
}

async function keepAlive(deps: ElectionDeps, { reign, lease }: Won): Promise<void> {
  const { timings, monotonicMs, state } = deps;
  const { signal } = reign.leadership;
  while (!signal.aborted) {
    const sentAtMs = monotonicMs();
    try {
      await state.keepLease(lease.id, { deadlineMs: timings.keepAliveDeadlineMs });
      reign.extend(sentAtMs);
    } catch (error) {
      if (isAppError(error, 'not_found')) reign.end('the lease is gone');
      else deps.log.warn({ error: errorText(error) }, 'keep-alive was not answered');
    }
    try {
      reign.leadership.check();
    } catch {
      return;
    }
    await pause(Math.max(0, sentAtMs + timings.keepAliveMs - monotonicMs()), signal);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Ends early, without an error, when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    }
  });
}
