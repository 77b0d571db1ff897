// The way into the cluster: the one thing of this folder that the composition root calls. Puts the parts together and takes them
// down again; what they promise is said where they are.

import { AppError } from '../store/model/errors.ts';
import { keys } from '../store/keys.ts';
import { createClocks } from './clocks.ts';
import { startElection } from './election.ts';
import type { Election } from './election.ts';
import { createEngineGate } from './engine-gate.ts';
import type { EngineGate } from './engine-gate.ts';
import { createFormatDuty, formatRefusal } from './format.ts';
import { createEcho } from './heartbeat.ts';
import type { MemberState } from './heartbeat.ts';
import { openMemory, regressText, termText } from './identity.ts';
import type { Memory } from './identity.ts';
import { enterCluster } from './membership.ts';
import type { Membership, MembershipDeps } from './membership.ts';
import { problemsOf, readinessOf } from './node-status.ts';
import type { NodeFacts } from './node-status.ts';
import type { ClusterNode, ClusterStatus, JoinOptions } from './options.ts';
import { createOrdersDuty, headStartLeftMs } from './orders.ts';
import { createPeerWatch } from './peer-watch.ts';
import type { PeerWatch } from './peer-watch.ts';
import type { Pulse } from './peers/port.ts';
import { isDrained } from './sight.ts';
import { createStoreLine } from './store-line.ts';
import type { StoreLine } from './store-line.ts';
import type { KeepingDeps } from './tenure.ts';
import { createClusterView } from './view.ts';
import type { ClusterView } from './view.ts';

export type {
  ClusterNode,
  ClusterStatus,
  JoinOptions,
  LocalMemory,
  Readiness,
  Remembered,
  SelfDescription,
} from './options.ts';
export { RECORD_FORMATS } from './format.ts';
export { CLUSTER_TIMINGS } from './timings.ts';
export type { ClusterTimings } from './timings.ts';

/**
 * Resolves once the node is a member. Throws AppError('conflict' or 'invalid') that says what to do when it must not be one:
 * its name is taken, the store is another cluster's or went backwards, or holds records that this build does not know.
 */
export async function joinCluster(options: JoinOptions): Promise<ClusterNode> {
  const { state, timings, monotonicMs, log, memory: local } = options;
  const line = createStoreLine({ state, timings, monotonicMs });
  const memory = await openMemory({ line, memory: local, log });
  const node = new JoiningNode(options, line, memory);
  try {
    await node.enter(options.signal ?? new AbortController().signal);
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

class JoiningNode implements ClusterNode {
  readonly elected: Promise<void>;
  readonly failed: Promise<never>;
  readonly #options: JoinOptions;
  readonly #line: StoreLine;
  readonly #memory: Memory;
  readonly #view: ClusterView;
  readonly #gate: EngineGate;
  readonly #watch: PeerWatch | null;
  readonly #clocks = createClocks();
  readonly #echo;
  readonly #stopping = new AbortController();
  readonly #following: Promise<void>[] = [];
  #election: Election | null = null;
  #membership: Membership | null = null;
  /** Null = the last record was not stored. */
  #storeMs: number | null = null;
  #readOnly = false;
  /** A term was won that cannot be right. */
  #badTerm: number | null = null;
  #markElected: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(options: JoinOptions, line: StoreLine, memory: Memory) {
    this.#options = options;
    this.#line = line;
    this.#memory = memory;
    this.elected = new Promise<void>((resolve) => (this.#markElected = resolve));
    this.failed = new Promise<never>((_resolve, reject) => (this.#fail = reject));
    // Whoever cares awaits it; nobody has to.
    this.failed.catch(() => undefined);
    const { peers, self, clock, monotonicMs } = options;
    this.#echo = createEcho(monotonicMs);
    const ownKey = keys.member(self.name);
    this.#view = createClusterView({
      ...this.#keeping(),
      onEvent: (event) => {
        if (event.type === 'put' && event.kv.key === ownKey) this.#echo.seen(event.kv.modRevision);
      },
    });
    const parts = { ...this.#keeping(), view: this.#view };
    this.#gate = createEngineGate({ ...parts, now: clock.now, self, alone: peers === null });
    this.#watch =
      peers === null ? null : createPeerWatch({ ...parts, peers, nodeId: self.nodeId, clock, clocks: this.#clocks });
  }

  async enter(signal: AbortSignal): Promise<void> {
    const abort = () => this.#stopping.abort();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      await this.#memory.verify(this.#stopping.signal);
      this.#following.push(this.#view.follow(this.#stopping.signal));
      this.#membership = await enterCluster(this.#membershipDeps(), this.#stopping.signal);
      this.#membership.failed.catch((error: unknown) => this.#fail(error));
    } finally {
      signal.removeEventListener('abort', abort);
    }
    this.#following.push(this.#gate.follow(this.#stopping.signal));
    if (this.#watch !== null) this.#following.push(this.#watch.run(this.#stopping.signal));
    this.#election = this.#startElection();
  }

  pulse(): Pulse {
    const { self, clock } = this.#options;
    return {
      nodeId: self.nodeId,
      name: self.name,
      term: this.#election?.term() ?? null,
      storeSilentMs: this.#line.silentMs(),
      leader: this.#watch?.leader() ?? null,
      // Right or wrong: the others judge it.
      clock: clock.own(),
    };
  }

  status(): ClusterStatus {
    const { self, timings } = this.#options;
    const sight = this.#view.sight();
    const ownTerm = this.#election?.term() ?? null;
    const other = sight.leader !== null && sight.leader.claim.nodeId !== self.nodeId ? sight.leader : null;
    return {
      leader: ownTerm !== null,
      term: ownTerm ?? other?.term ?? null,
      leaderName: ownTerm === null ? (other?.claim.name ?? null) : self.name,
      members: sight.members.map(({ member }) => member),
      engine: sight.engine?.record.identity ?? null,
      format: sight.format.active,
      standsBack: this.#standsBack(),
      problems: problemsOf(this.#facts(), timings),
    };
  }

  readiness() {
    return readinessOf(this.#facts(), this.#options.timings);
  }

  activeFormat(): number {
    return this.#view.sight().format.active;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#election?.stop(), this.#membership?.stop()]);
    this.#stopping.abort();
    await Promise.all(this.#following);
    if (this.#membership !== null) await this.#memory.save();
  }

  #keeping(): KeepingDeps {
    const { timings, monotonicMs, log } = this.#options;
    return { line: this.#line, timings, monotonicMs, log };
  }

  #membershipDeps(): MembershipDeps {
    const { self, peers, nodeDuties, isProcessGone } = this.#options;
    return {
      ...{ ...this.#keeping(), self, peers, isProcessGone, view: this.#view, duties: nodeDuties },
      ...{ memory: this.#memory, echo: this.#echo, state: () => this.#memberState() },
      onStored: (ms) => {
        this.#readOnly = ms === null;
        this.#storeMs = ms ?? this.#storeMs;
      },
    };
  }

  #startElection(): Election {
    const { self, leaderDuties, newId, timings, monotonicMs } = this.#options;
    const parts = { ...this.#keeping(), view: this.#view, self };
    const standsBack = () => this.#standsBack();
    const election = startElection({
      ...{ ...parts, newId, standsBack },
      duties: [createOrdersDuty({ ...parts, standsBack }), createFormatDuty(parts), ...leaderDuties],
      conditions: () => [this.#gate.compare()],
      headStartLeftMs: () =>
        headStartLeftMs(this.#view.succession(), this.#view.sight(), self, {
          nowMs: monotonicMs(),
          headStartMs: timings.headStartMs,
        }),
      onTerm: (term) => this.#onTerm(term),
    });
    election.failed.catch((error: unknown) => this.#fail(error));
    election.elected.then(this.#markElected, () => undefined);
    return election;
  }

  #onTerm(term: number): void {
    const highest = this.#memory.highestTerm();
    if (term <= highest) {
      this.#badTerm = term;
      throw new AppError('lost_leadership', termText(term, highest, this.#options.memory.place));
    }
    this.#memory.noteTerm(term);
    this.#memory.save().catch(() => undefined);
  }

  #refusal(): string | null {
    const { place } = this.#options.memory;
    const regress = this.#line.regress();
    if (regress !== null) return regressText(regress, place);
    return this.#badTerm === null ? null : termText(this.#badTerm, this.#memory.highestTerm(), place);
  }

  /** Why this node must not lead; null = it may. */
  #standsBack(): string | null {
    const { self } = this.#options;
    const sight = this.#view.sight();
    const drained = isDrained(sight, self.name) ? 'An operator drains this node.' : null;
    const format = formatRefusal(self.formats, sight.format.active);
    return this.#refusal() ?? format ?? drained ?? this.#gate.standsBack();
  }

  #facts(): NodeFacts {
    const sight = this.#view.sight();
    const absence =
      this.#membership === null ? 'This node has not joined the cluster yet.' : this.#membership.absence();
    return {
      absence,
      drained: isDrained(sight, this.#options.self.name),
      standsBack: this.#gate.standsBack(),
      refusal: this.#refusal(),
      storeSilentMs: this.#line.silentMs(),
      readOnly: this.#readOnly,
      lagMs: this.#echo.lagMs(),
      clock: this.#clocks.furthest(),
      damaged: sight.damaged,
    };
  }

  #memberState(): MemberState {
    const { clock, timings } = this.#options;
    const facts = { ...this.#facts(), absence: null };
    return {
      standsBack: this.#standsBack(),
      health: {
        at: clock.now(),
        storeMs: this.#storeMs,
        lagMs: facts.lagMs,
        clockOffsetMs: facts.clock?.ms ?? null,
        problems: problemsOf(facts, timings),
      },
    };
  }
}
