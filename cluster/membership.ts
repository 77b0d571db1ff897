// Being a member: a record about this node under a lease of its own, there exactly while the node is alive. A member is *joining*
// (its record may or may not be there), then *present* (the record is its own, the duties of every node run), then joining again
// when the record is gone or can no longer be believed in, until it leaves.

import { keys } from '../store/keys.ts';
import type { Member } from '../store/model/cluster.ts';
import { AppError, InvariantError, errorText, isAppError } from '../store/model/errors.ts';
import { memberRecord } from '../store/records/cluster-records.ts';
import { claimKey, giveBack } from './claim-key.ts';
import type { Claimed } from './claim-key.ts';
import { checkFormat, formatTouch } from './format.ts';
import type { Echo, MemberState } from './heartbeat.ts';
import type { Memory } from './identity.ts';
import type { NamesakeDeps } from './namesake.ts';
import { waitForName } from './namesake.ts';
import type { NodeDuty, Presence } from './presence.ts';
import { memberNamed } from './sight.ts';
import type { Sight } from './sight.ts';
import { createTenure, keepTenure } from './tenure.ts';
import type { Tenure } from './tenure.ts';
import { createBell, isOverWithin, pause } from './waiting.ts';

export interface MembershipDeps extends NamesakeDeps {
  readonly duties: readonly NodeDuty[];
  readonly memory: Memory;
  readonly echo: Echo;
  /** What the record is to say now. */
  readonly state: () => MemberState;
  /** How long the last record took to be durable. */
  readonly onStored: (ms: number | null) => void;
}

export interface Membership {
  /** Why this node is not a member right now; null = it is one. */
  absence(): string | null;
  /** Rejects when an invariant broke. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** Resolves once the node is a member. Throws when it must not be one, and when the store cannot be reached. */
export async function enterCluster(deps: MembershipDeps, signal: AbortSignal): Promise<Membership> {
  const first = await enterInTime(deps, signal);
  if (first === null) throw new AppError('unavailable', 'The node was stopped before it had joined the cluster.');
  return new OngoingMembership(deps, first);
}

/** A store that is away for a moment does not keep a node from starting. */
async function enterInTime(deps: MembershipDeps, signal: AbortSignal): Promise<Claimed | null> {
  const { timings, monotonicMs, log } = deps;
  const startedMs = monotonicMs();
  for (;;) {
    try {
      return await enter(deps, false, signal);
    } catch (error) {
      const inTime = monotonicMs() - startedMs < timings.nameWaitMs;
      if (!isAppError(error, 'unavailable') || !inTime || signal.aborted) throw error;
      log.warn({ error: errorText(error) }, 'this node could not join yet');
      await pause(timings.retryMs, signal);
    }
  }
}

/** Null when the signal aborts first. */
async function enter(deps: MembershipDeps, rejoining: boolean, signal: AbortSignal): Promise<Claimed | null> {
  const { self, view, memory, timings } = deps;
  while (!signal.aborted) {
    await memory.verify(signal);
    await view.refresh();
    const sight = view.sight();
    checkFormat(self.formats, sight.format.active);
    const namesake = memberNamed(sight, self.name);
    if (namesake?.member.nodeId === self.nodeId) await deps.line.revoke(namesake.lease);
    else if (namesake !== null) await waitForName(deps, rejoining, signal);
    const touch = formatTouch(view.sight());
    const claimed = await claimKey(
      deps,
      {
        key: keys.member(self.name),
        value: () => recordText(deps),
        compares: [touch.compare],
        writes: [touch.write],
      },
      signal,
    );
    if (claimed !== null) return claimed;
    await pause(timings.probeGapMs, signal);
  }
  return null;
}

function recordText({ self, state }: MembershipDeps): string {
  const member: Member = { ...self, ...state() };
  return memberRecord.encode(member);
}

class OngoingMembership implements Membership {
  readonly failed: Promise<never>;
  readonly #deps: MembershipDeps;
  readonly #leaving = new AbortController();
  readonly #done: Promise<void>;
  #fail: (error: unknown) => void = () => undefined;
  #absence: string | null = null;

  constructor(deps: MembershipDeps, first: Claimed) {
    this.#deps = deps;
    this.failed = new Promise<never>((_resolve, reject) => (this.#fail = reject));
    // Whoever cares awaits it; nobody has to.
    this.failed.catch(() => undefined);
    this.#done = this.#stay(first);
  }

  absence(): string | null {
    return this.#absence;
  }

  async stop(): Promise<void> {
    this.#leaving.abort();
    await this.#done;
  }

  async #stay(first: Claimed): Promise<void> {
    const { signal } = this.#leaving;
    let claimed: Claimed | null = first;
    while (claimed !== null) {
      try {
        this.#absence = null;
        await bePresent(this.#deps, claimed, signal);
      } catch (error) {
        if (error instanceof InvariantError) return this.#fail(error);
        this.#deps.log.warn({ error: errorText(error) }, 'presence ended with an error');
      }
      this.#absence = 'This node has lost its place among the members and is joining again.';
      claimed = await this.#reenter();
    }
  }

  async #reenter(): Promise<Claimed | null> {
    const { log, timings } = this.#deps;
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      try {
        return await enter(this.#deps, true, signal);
      } catch (error) {
        if (!isAppError(error, 'unavailable') && error instanceof AppError) this.#absence = error.message;
        log.warn({ error: errorText(error) }, 'this node could not join again yet');
        await pause(timings.retryMs, signal);
      }
    }
    return null;
  }
}

/** Until the record is gone, can no longer be believed in, a duty fails, or the node leaves. */
async function bePresent(deps: MembershipDeps, claimed: Claimed, leaving: AbortSignal): Promise<void> {
  const { timings, monotonicMs, log, self } = deps;
  const ended = (why: string) => new AppError('unavailable', 'This node is no longer a member.', { detail: why });
  const tenure = createTenure({ sentAtMs: claimed.sentAtMs, holdMs: timings.holdMs, monotonicMs, ended });
  const leave = () => tenure.end('leaving');
  leaving.addEventListener('abort', leave, { once: true });
  if (leaving.aborted) leave();
  log.info({ name: self.name, nodeId: self.nodeId, revision: claimed.createRevision }, 'joined the cluster');
  const duties = runDuties(deps, presenceOf(deps, tenure, claimed.createRevision), tenure);
  // Awaited below, after the rest has ended.
  duties.catch(() => undefined);
  try {
    await Promise.all([
      keepTenure(deps, tenure, claimed.lease.id),
      beat(deps, tenure, claimed),
      endWhenGone(deps, tenure, claimed.createRevision),
    ]);
  } finally {
    leave();
    leaving.removeEventListener('abort', leave);
    log.info({ name: self.name, reason: errorText(tenure.signal.reason) }, 'no longer a member');
    if (!(await isOverWithin(duties, timings.dutyStopMs))) log.warn({}, 'duties are slow to stop');
    await giveBack(deps, claimed.lease.id, leaving);
  }
  await duties;
}

function presenceOf({ self, view }: MembershipDeps, tenure: Tenure, createRevision: number): Presence {
  return {
    nodeId: self.nodeId,
    fence: { target: 'create', key: keys.member(self.name), equals: createRevision },
    signal: tenure.signal,
    isAlive: (nodeId) => nodeId === self.nodeId || view.sight().members.some(({ member }) => member.nodeId === nodeId),
    memberCount: () => Math.max(1, view.sight().members.length),
    sharers: () => sharersIn(view.sight()),
  };
}

function sharersIn({ engine, members }: Sight): readonly string[] {
  if (engine === null) return [];
  const { kind, identity } = engine.record;
  const reaching = members.filter(({ member }) => member.engine.kind === kind && member.engine.identity === identity);
  return reaching.map(({ member }) => member.nodeId);
}

async function runDuties({ duties, log }: MembershipDeps, presence: Presence, tenure: Tenure): Promise<void> {
  await Promise.all(
    duties.map(async (duty) => {
      try {
        await duty.run(presence);
      } catch (error) {
        tenure.end(`duty ${duty.name} failed: ${errorText(error)}`);
        if (error instanceof InvariantError) throw error;
        if (error !== presence.signal.reason)
          log.warn({ duty: duty.name, error: errorText(error) }, 'node duty failed');
      }
    }),
  );
}

/** The record is refreshed on time, and at once when the node begins or ceases to stand back. */
async function beat(deps: MembershipDeps, tenure: Tenure, claimed: Claimed): Promise<void> {
  const { view, timings, monotonicMs, peers } = deps;
  const bell = createBell();
  const silence = view.tell(bell);
  const intervalMs = peers === null ? Number.POSITIVE_INFINITY : timings.heartbeatMs;
  let saidAtMs = monotonicMs();
  let said: string | null | undefined;
  let savedAtMs = Number.NEGATIVE_INFINITY;
  while (!tenure.signal.aborted) {
    const nowMs = monotonicMs();
    if (deps.state().standsBack !== said || nowMs - saidAtMs >= intervalMs) {
      said = deps.state().standsBack;
      saidAtMs = nowMs;
      await refreshRecord(deps, tenure, claimed);
    }
    if (monotonicMs() - savedAtMs >= (peers === null ? Number.POSITIVE_INFINITY : timings.rememberMs)) {
      savedAtMs = monotonicMs();
      await deps.memory.save();
    }
    await bell.wait(Math.min(saidAtMs + intervalMs - monotonicMs(), timings.heartbeatMs), tenure.signal);
  }
  silence();
}

async function refreshRecord(deps: MembershipDeps, tenure: Tenure, { createRevision, lease }: Claimed): Promise<void> {
  const { line, self, monotonicMs, echo, onStored, log } = deps;
  const key = keys.member(self.name);
  const sentAtMs = monotonicMs();
  try {
    const { succeeded, revision } = await line.commit({
      compares: [{ target: 'create', key, equals: createRevision }],
      writes: [{ op: 'put', key, value: recordText(deps), lease: lease.id }],
    });
    if (!succeeded) return tenure.end('its record is gone');
    onStored(monotonicMs() - sentAtMs);
    echo.written(revision);
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    // A store that takes no writes still keeps leases: the node stays a member and says what is wrong.
    onStored(null);
    log.warn({ error: errorText(error) }, 'the record of this node could not be refreshed');
  }
}

/** The watch tells sooner than the next keep-alive. */
async function endWhenGone(
  { view, self, timings }: MembershipDeps,
  tenure: Tenure,
  createRevision: number,
): Promise<void> {
  const bell = createBell();
  const silence = view.tell(bell);
  while (!tenure.signal.aborted) {
    const sight = view.sight();
    const seen = memberNamed(sight, self.name);
    if (sight.revision >= createRevision && seen?.createRevision !== createRevision) tenure.end('its record is gone');
    await bell.wait(timings.pollMs, tenure.signal);
  }
  silence();
}
