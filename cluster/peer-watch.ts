// Follows the other members, and deposes a leader that is gone, frozen or cut off: its lease is revoked, so that all candidates
// campaign at once instead of waiting for its end. What is decided from hearsay is checked against the leader key right before.

import { keys } from '../store/keys.ts';
import { errorText } from '../store/model/errors.ts';
import { leaderRecord } from '../store/records/cluster-records.ts';
import type { ClusterClock } from './cluster-clock.ts';
import type { Clocks } from './clocks.ts';
import { leaderSilenceMs, suspect } from './failover.ts';
import type { LeaderSight, Suspicion } from './failover.ts';
import type { PeerTarget, Peers, Pulse } from './peers/port.ts';
import type { SeenLeader } from './sight.ts';
import type { KeepingDeps } from './tenure.ts';
import type { ClusterView } from './view.ts';
import { createBell, pause } from './waiting.ts';

/** Clocks drift slowly. */
const CLOCKS_MS = 1_000;
/** One may hit the moment of a restart of the listener. */
const PROBES = 2;
/** Longer than a keep-alive that hangs on one member of the store and is then answered by another. */
const CONFIRM_LOOKS = 2;

export interface PeerWatchDeps extends KeepingDeps {
  readonly peers: Peers;
  readonly view: ClusterView;
  readonly nodeId: string;
  readonly clocks: Clocks;
  readonly clock: ClusterClock;
}

export interface PeerWatch {
  /** What the pulse says of the leader. */
  leader(): Pulse['leader'];
  run(signal: AbortSignal): Promise<void>;
}

export function createPeerWatch(deps: PeerWatchDeps): PeerWatch {
  return new MemberWatch(deps);
}

class MemberWatch implements PeerWatch {
  readonly #deps: PeerWatchDeps;
  readonly #bell = createBell();
  /** Terms in which this node found leaders gone, by node id: a process that is really gone never leads again. */
  readonly #pronouncedGone = new Map<string, number>();
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #probeAtMs = Number.NEGATIVE_INFINITY;
  #followed = '';

  constructor(deps: PeerWatchDeps) {
    this.#deps = deps;
    deps.peers.onNews(() => this.#bell.ring());
  }

  leader(): Pulse['leader'] {
    const leader = this.#otherLeader();
    if (leader === null) return null;
    const silentMs = leaderSilenceMs(this.#deps.peers.heard(), leader.claim.nodeId, this.#knownMs());
    return silentMs === null ? null : { nodeId: leader.claim.nodeId, silentMs };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { view, timings, log } = this.#deps;
    const silence = view.tell(this.#bell);
    while (!signal.aborted) {
      try {
        this.#followMembers();
        this.#sampleClocks();
        await this.#look(signal);
      } catch (error) {
        log.warn({ error: errorText(error) }, 'the leader could not be looked after');
        await pause(timings.watchLeaderMs, signal);
      }
      await this.#bell.wait(timings.watchLeaderMs, signal);
    }
    silence();
  }

  #followMembers(): void {
    const { peers, view, nodeId } = this.#deps;
    const others = view.sight().members.filter(({ member }) => member.nodeId !== nodeId && member.peerAddress !== '');
    const targets = others.map(({ member }): PeerTarget => {
      return { name: member.name, nodeId: member.nodeId, address: member.peerAddress };
    });
    const text = JSON.stringify(targets);
    if (text === this.#followed) return;
    this.#followed = text;
    peers.follow(targets);
  }

  #sampleClocks(): void {
    const { clocks, clock, peers, monotonicMs, timings } = this.#deps;
    if (monotonicMs() - this.#sampledAtMs < CLOCKS_MS) return;
    this.#sampledAtMs = monotonicMs();
    clocks.sample(peers.heard(), clock.own(), clock.jumps());
    const offsetMs = clocks.majority();
    if (offsetMs !== null) clock.follow(Math.abs(offsetMs) > timings.clockBoundMs ? offsetMs : 0);
  }

  /** A leader of the view that is not this node. */
  #otherLeader(): SeenLeader | null {
    const { leader } = this.#deps.view.sight();
    return leader === null || leader.claim.nodeId === this.#deps.nodeId ? null : leader;
  }

  #knownMs(): number {
    const nowMs = this.#deps.monotonicMs();
    return nowMs - (this.#deps.view.succession()?.sinceMs ?? nowMs);
  }

  #suspect(leader: SeenLeader): Suspicion {
    const { view, peers, line, nodeId, timings } = this.#deps;
    const goneTerm = this.#pronouncedGone.get(leader.claim.nodeId);
    const sight: LeaderSight = {
      selfNodeId: nodeId,
      leader: { nodeId: leader.claim.nodeId, term: leader.term },
      knownMs: this.#knownMs(),
      members: view.sight().members.map(({ member }) => member.nodeId),
      heard: peers.heard(),
      ownStoreSilentMs: line.silentMs(),
      wasWronglyGone: goneTerm !== undefined && goneTerm !== leader.term,
    };
    return suspect(sight, timings);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const leader = this.#otherLeader();
    if (leader === null) return;
    const suspicion = this.#suspect(leader);
    switch (suspicion.kind) {
      case 'none':
        return;
      case 'probe':
        return this.#probe(leader, suspicion.target, signal);
      case 'store_silent':
        return this.#confirmStoreSilent(leader, signal);
      case 'unheard':
        return this.#depose(leader, `${suspicion.voters} members have heard nothing from it`);
    }
  }

  async #probe(leader: SeenLeader, target: PeerTarget, signal: AbortSignal): Promise<void> {
    const { peers, timings, monotonicMs } = this.#deps;
    if (monotonicMs() < this.#probeAtMs) return;
    for (let probes = 0; probes < PROBES; probes++) {
      if (probes > 0) await pause(timings.probeGapMs, signal);
      const result = await peers.probe(target, timings.probeDeadlineMs);
      if (result === 'gone' && !signal.aborted) continue;
      // It lives, or does not answer: then its silence is counted, and it is asked again now and then.
      this.#probeAtMs = monotonicMs() + timings.retryMs;
      return;
    }
    this.#pronouncedGone.set(leader.claim.nodeId, leader.term);
    await this.#depose(leader, 'its process is gone');
  }

  /** A store that was slow for all answers us no sooner than the leader: then its next pulse clears it. */
  async #confirmStoreSilent(leader: SeenLeader, signal: AbortSignal): Promise<void> {
    await this.#deps.line.get(keys.leader());
    await pause(CONFIRM_LOOKS * this.#deps.timings.watchLeaderMs, signal);
    const again = this.#otherLeader();
    if (signal.aborted || again?.term !== leader.term || this.#suspect(again).kind !== 'store_silent') return;
    await this.#depose(leader, 'its state store does not answer it');
  }

  async #depose(leader: SeenLeader, why: string): Promise<void> {
    const { line, view, log } = this.#deps;
    const kv = await line.get(keys.leader());
    // Old news would depose a fresh leader: it must be the same claim, under the same lease.
    if (kv === null || kv.createRevision !== leader.term || kv.lease !== leader.lease) return view.refresh();
    if (leaderRecord.decode(kv.value).nodeId !== leader.claim.nodeId) return view.refresh();
    await line.revoke(leader.lease);
    log.warn({ leader: leader.claim.name, term: leader.term, why }, 'leader deposed');
    await view.refresh();
  }
}
