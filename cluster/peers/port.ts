// What a node hears from its peers directly, beside the store. It makes failures known sooner and decides nothing about data: all
// writes are fenced, whoever leads.

import type { Instant } from '../../store/model/ids.ts';

/** A peer as its member record names it. */
export interface PeerTarget {
  readonly name: string;
  readonly nodeId: string;
  /** host:port */
  readonly address: string;
}

/** What each node tells all others several times a second. */
export interface Pulse {
  readonly nodeId: string;
  readonly name: string;
  /** The term that the node leads; null = it does not lead. */
  readonly term: number | null;
  /** Since the store last answered it. */
  readonly storeSilentMs: number;
  /** The leader that it knows, and since when it has heard nothing from it; null = it knows none, or is the leader itself. */
  readonly leader: { readonly nodeId: string; readonly silentMs: number } | null;
  /** The sender's wall clock. */
  readonly clock: Instant;
}

export interface Heard {
  readonly target: PeerTarget;
  /** The last pulse; null = none yet. */
  readonly pulse: Pulse | null;
  /** Since the last pulse, or since the peer became known; on the monotonic clock. */
  readonly silentMs: number;
  /** The stream broke and has not been opened again: a reason to probe. */
  readonly broken: boolean;
}

/** 'gone' = nothing listens there or another process does (refused, reset, other node id); 'silent' = no answer in time. */
export type ProbeResult = 'alive' | 'gone' | 'silent';

export interface Peers {
  /** Streams are opened to all of these, and closed to all others. Repeatable. */
  follow(targets: readonly PeerTarget[]): void;
  heard(): readonly Heard[];
  /** Called when a stream breaks and when a pulse says something new (another term, another silence): look at `heard` then. */
  onNews(listener: () => void): void;
  /** One short unary call on a fresh connection. Never throws. */
  probe(target: PeerTarget, deadlineMs: number): Promise<ProbeResult>;
  close(): Promise<void>;
}

/** What this node answers when a peer asks; given to the listener when it is opened. */
export type PulseSource = () => Pulse;
