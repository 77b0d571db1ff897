// When a leader is deposed before its lease ends. Pure: what this node has heard goes in, a suspicion comes out. Deposing is safe whoever
// is right, since every write of a leader is fenced; the rules are there so that it happens soon, and not without need.
//
// * Its process is gone: the stream broke, and two probes in a row found nothing, or another process.
// * Frozen or cut off: a majority of the live members has heard nothing from it for a while, and all of them speak of this leader.
// * It says itself that its store has been silent, while ours answers.

import type { Heard, PeerTarget } from './peers/port.ts';

export interface FailoverBounds {
  /** Both for a leader that is not heard and for one whose store is silent. */
  readonly silenceMs: number;
}

export interface LeaderSight {
  readonly selfNodeId: string;
  readonly leader: { readonly nodeId: string; readonly term: number };
  /** For how long this node has known of the term: no silence from before it counts. */
  readonly knownMs: number;
  /** Node ids of all live members, the leader and this node included. */
  readonly members: readonly string[];
  readonly heard: readonly Heard[];
  readonly ownStoreSilentMs: number;
  /** It was found gone once and led again after: the probes are wrong about it, such as behind a firewall that refuses. */
  readonly wasWronglyGone: boolean;
}

export type Suspicion =
  | { readonly kind: 'none' }
  /** Its stream broke: is its process gone? */
  | { readonly kind: 'probe'; readonly target: PeerTarget }
  /** Its own words, so a second look a moment later is due: its store may have been slow for all. */
  | { readonly kind: 'store_silent' }
  | { readonly kind: 'unheard'; readonly voters: number };

const NONE: Suspicion = { kind: 'none' };

export function suspect(sight: LeaderSight, { silenceMs }: FailoverBounds): Suspicion {
  const { leader, members } = sight;
  if (leader.nodeId === sight.selfNodeId || !members.includes(leader.nodeId)) return NONE;
  const heard = heardOf(sight.heard, leader.nodeId);
  if (heard === null) return NONE;
  const voters = votersAgainst(sight, heard, silenceMs);
  if (voters * 2 > members.length) return { kind: 'unheard', voters };
  if (isStoreSilent(sight, heard, silenceMs)) return { kind: 'store_silent' };
  return heard.broken && !sight.wasWronglyGone ? { kind: 'probe', target: heard.target } : NONE;
}

/** How long this node has heard nothing from the leader, within the leader's term; null = it does not listen to it. */
export function leaderSilenceMs(heard: readonly Heard[], leaderNodeId: string, knownMs: number): number | null {
  const entry = heardOf(heard, leaderNodeId);
  return entry === null ? null : Math.min(entry.silentMs, knownMs);
}

function heardOf(heard: readonly Heard[], nodeId: string): Heard | null {
  return heard.find(({ target }) => target.nodeId === nodeId) ?? null;
}

function votersAgainst(sight: LeaderSight, leader: Heard, silenceMs: number): number {
  // A majority of others cannot depose what this node hears well.
  if (Math.min(leader.silentMs, sight.knownMs) < silenceMs) return 0;
  const others = sight.members.filter((nodeId) => nodeId !== sight.selfNodeId && nodeId !== sight.leader.nodeId);
  const agreeing = others.filter((nodeId) => {
    const voter = heardOf(sight.heard, nodeId);
    // What a voter said before it fell silent itself is old news.
    if (voter === null || voter.pulse === null || voter.silentMs >= silenceMs / 2) return false;
    const { leader: named } = voter.pulse;
    return named !== null && named.nodeId === sight.leader.nodeId && named.silentMs >= silenceMs;
  });
  return 1 + agreeing.length;
}

function isStoreSilent(sight: LeaderSight, leader: Heard, silenceMs: number): boolean {
  if (leader.pulse === null || leader.silentMs >= silenceMs || sight.ownStoreSilentMs >= silenceMs) return false;
  return leader.pulse.term === sight.leader.term && leader.pulse.storeSilentMs > silenceMs;
}
