// The election: one leader key, created only if absent, under a lease. Written once on the state port; a single node campaigns
// like any other and wins at once, so nothing else in the program knows whether it is alone.
//
// A node *stands back* (something forbids it to lead), *follows* (somebody else has the key), *campaigns* (its claim may or may not
// be there), or *leads* (the key is its own: its create revision is the term). Losing leadership without cause happens, and is
// harmless: all leader writes are fenced.

import { keys } from '../store/keys.ts';
import { AppError, InvariantError, errorText, isAppError } from '../store/model/errors.ts';
import { leaderRecord } from '../store/records/cluster-records.ts';
import type { Compare } from '../store/state/port.ts';
import { claimKey, giveBack } from './claim-key.ts';
import type { Claimed } from './claim-key.ts';
import { createReign } from './leadership.ts';
import type { LeaderDuty, Leadership, Reign } from './leadership.ts';
import type { KeepingDeps } from './tenure.ts';
import { keepTenure } from './tenure.ts';
import type { ClusterView } from './view.ts';
import type { Bell } from './waiting.ts';
import { createBell, isOverWithin, pause, whenAborted } from './waiting.ts';

export interface ElectionDeps extends KeepingDeps {
  readonly view: ClusterView;
  readonly self: { readonly name: string; readonly nodeId: string };
  readonly duties: readonly LeaderDuty[];
  /** Never the same twice. */
  readonly newId: () => string;
  /** Why this node must not lead; null = it may. */
  readonly standsBack: () => string | null;
  /** Has to hold in the very transaction that claims the key. */
  readonly conditions: () => readonly Compare[];
  /** How long others may campaign first; 0 = no longer. */
  readonly headStartLeftMs: () => number;
  /** Called with each term that was won, before anything is done in it. Throws when the term cannot be right. */
  readonly onTerm: (term: number) => void;
}

export interface Election {
  /** The term that this node leads; null = it does not. */
  term(): number | null;
  /** Resolves when this node leads for the first time. */
  readonly elected: Promise<void>;
  /** Rejects when an invariant broke: the process has to stop. */
  readonly failed: Promise<never>;
  /** Resigns at once, after the duties have stopped. */
  stop(): Promise<void>;
}

export function startElection(deps: ElectionDeps): Election {
  const stopping = new AbortController();
  const bell = createBell();
  const silence = deps.view.tell(bell);
  let reign: Reign | null = null;
  let markElected: () => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const elected = new Promise<void>((resolve) => (markElected = resolve));
  const failed = new Promise<never>((_resolve, reject) => (fail = reject));
  // Whoever cares awaits it; nobody has to.
  failed.catch(() => undefined);

  async function onWon(claimed: Claimed): Promise<void> {
    const { timings, monotonicMs } = deps;
    const term = claimed.createRevision;
    reign = createReign({ term, sentAtMs: claimed.sentAtMs, holdMs: timings.holdMs, monotonicMs });
    try {
      await lead({ deps, reign, claimed, stopping: stopping.signal, onElected: markElected });
    } finally {
      reign = null;
    }
    // A term that ends as soon as it has begun would begin again as soon.
    await pause(claimed.sentAtMs + timings.retryMs - monotonicMs(), stopping.signal);
  }

  async function standForEver(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const claimed = await campaignWhenFree(deps, bell, stopping.signal);
        if (claimed !== null) await onWon(claimed);
      } catch (error) {
        if (error instanceof InvariantError) return fail(error);
        deps.log.warn({ error: errorText(error) }, 'campaign failed, trying again');
        await pause(deps.timings.retryMs, stopping.signal);
      }
    }
  }

  const done = standForEver();
  return {
    term: () => (reign === null || reign.leadership.signal.aborted ? null : reign.leadership.term),
    elected,
    failed,
    stop: async () => {
      stopping.abort();
      await done;
      silence();
    },
  };
}

/** Null = look again: something has changed, or may have. */
async function campaignWhenFree(deps: ElectionDeps, bell: Bell, signal: AbortSignal): Promise<Claimed | null> {
  const { view, self, timings, line } = deps;
  const { leader } = view.sight();
  // This node does not lead, so a key of its own is left from a claim whose answer was lost.
  if (leader !== null && leader.claim.nodeId === self.nodeId) await line.revoke(leader.lease);
  if (leader !== null || deps.standsBack() !== null) {
    await bell.wait(timings.pollMs, signal);
    return null;
  }
  const headStartMs = deps.headStartLeftMs();
  if (headStartMs > 0) {
    await bell.wait(headStartMs, signal);
    return null;
  }
  const claimed = await claimLeaderKey(deps, signal);
  // Who has it instead? The watch may be slower than this loop.
  if (claimed === null) await view.refresh();
  return claimed;
}

function claimLeaderKey(deps: ElectionDeps, signal: AbortSignal): Promise<Claimed | null> {
  const { name, nodeId } = deps.self;
  const nonce = deps.newId();
  const value = (lease: string) => leaderRecord.encode({ name, nodeId, nonce, lease });
  return claimKey(deps, { key: keys.leader(), value, compares: deps.conditions(), writes: [] }, signal);
}

interface Lead {
  readonly deps: ElectionDeps;
  readonly reign: Reign;
  readonly claimed: Claimed;
  readonly stopping: AbortSignal;
  readonly onElected: () => void;
}

async function lead(leading: Lead): Promise<void> {
  const { deps, reign, claimed, stopping } = leading;
  const { leadership, tenure } = reign;
  const resign = () => tenure.end('resigning');
  stopping.addEventListener('abort', resign, { once: true });
  if (stopping.aborted) resign();
  const keeping = Promise.all([keepTenure(deps, tenure, claimed.lease.id), endWhenReplaced(deps, reign)]);
  const duties = reignOver(leading);
  // Awaited below, after the key was let go.
  duties.catch(() => undefined);
  await whenAborted(leadership.signal);
  stopping.removeEventListener('abort', resign);
  await keeping;
  deps.log.info({ term: leadership.term, reason: errorText(leadership.signal.reason) }, 'no longer leading');
  if (!(await isOverWithin(duties, deps.timings.dutyStopMs))) deps.log.warn({}, 'leader duties are slow to stop');
  await letGo(deps, leadership, claimed, stopping);
  // Two terms of one node never run side by side.
  await duties;
}

/** Ends the term whatever happens; rejects only when an invariant broke. */
async function reignOver({ deps, reign, onElected }: Lead): Promise<void> {
  const { leadership, tenure } = reign;
  try {
    deps.onTerm(leadership.term);
    await barrier(deps, leadership);
    deps.log.info({ term: leadership.term, nodeId: deps.self.nodeId }, 'leading');
    onElected();
    await Promise.all(deps.duties.map((duty) => runDuty(deps, duty, reign)));
    await whenAborted(leadership.signal);
  } catch (error) {
    tenure.end(errorText(error));
    if (error instanceof InvariantError) throw error;
  }
}

async function runDuty(deps: ElectionDeps, duty: LeaderDuty, { leadership, tenure }: Reign): Promise<void> {
  try {
    await duty.run(leadership);
  } catch (error) {
    tenure.end(`duty ${duty.name} failed: ${errorText(error)}`);
    if (error instanceof InvariantError) throw error;
    if (!isAppError(error, 'lost_leadership'))
      deps.log.warn({ duty: duty.name, error: errorText(error) }, 'leader duty failed');
  }
}

/**
 * The first act of a term is a fenced write that was answered clearly: it goes through the store's own agreement, so what is listed
 * after it is at least as new. A read alone may come from a member of the store that was asleep.
 */
async function barrier({ line, self, timings, log }: ElectionDeps, leadership: Leadership): Promise<void> {
  const { term, fence, signal } = leadership;
  const value = JSON.stringify({ v: 1, term, nodeId: self.nodeId });
  while (!signal.aborted) {
    try {
      const { succeeded } = await line.commit({
        compares: [fence],
        writes: [{ op: 'put', key: keys.barrier(), value }],
      });
      if (succeeded) return;
      throw new AppError('lost_leadership', 'The term ended before it began.');
    } catch (error) {
      if (!isAppError(error, 'unavailable')) throw error;
      log.warn({ term, error: errorText(error) }, 'the barrier was not written yet');
    }
    await pause(timings.retryMs, signal);
  }
  signal.throwIfAborted();
}

/** The watch tells sooner than the next keep-alive, and a keep-alive may be answered though the lease is gone. */
async function endWhenReplaced({ view, timings }: ElectionDeps, { leadership, tenure }: Reign): Promise<void> {
  const bell = createBell();
  const silence = view.tell(bell);
  while (!tenure.signal.aborted) {
    const { revision, leader } = view.sight();
    if (revision >= leadership.term && leader?.term !== leadership.term) tenure.end('the leader key is gone');
    await bell.wait(timings.pollMs, tenure.signal);
  }
  silence();
}

/** Whoever watches the key campaigns at once; without an answer the lease ends by itself, or the next campaign ends it. */
async function letGo(deps: ElectionDeps, { term, fence }: Leadership, { lease }: Claimed, stopping: AbortSignal) {
  try {
    await deps.line.commit({ compares: [fence], writes: [{ op: 'delete', key: keys.leader() }] });
  } catch (error) {
    deps.log.warn({ term, error: errorText(error) }, 'the leader key could not be deleted');
  }
  await giveBack(deps, lease.id, stopping);
}
