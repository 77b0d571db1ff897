// What a node hands in when it joins the cluster, and what it gets for it.

import type { Member } from '../store/model/cluster.ts';
import type { StateStore } from '../store/state/port.ts';
import type { ClusterClock } from './cluster-clock.ts';
import type { LeaderDuty } from './leadership.ts';
import type { Peers, Pulse } from './peers/port.ts';
import type { NodeDuty } from './presence.ts';
import type { ClusterLog, ClusterTimings } from './timings.ts';

/** What a node says of itself; it does not change while the process lives. */
export type SelfDescription = Omit<Member, 'standsBack' | 'health'>;

/** What a node knows of its cluster across restarts. */
export interface Remembered {
  /** Installation id of the store that the node worked with. */
  readonly clusterId: string;
  readonly highestRevision: number;
  readonly highestTerm: number;
}

/** A small file beside the node's data. Lost, it costs only the checks that need it. */
export interface LocalMemory {
  /** For people: what to remove in order to forget, such as the path of the file. */
  readonly place: string;
  /** Null when nothing is remembered. A damaged memory is an AppError that says what to do. */
  read(): Promise<Remembered | null>;
  /** Whole or not at all. */
  write(remembered: Remembered): Promise<void>;
}

export interface JoinOptions {
  readonly state: StateStore;
  readonly self: SelfDescription;
  readonly leaderDuties: readonly LeaderDuty[];
  readonly nodeDuties: readonly NodeDuty[];
  /** Null = the store belongs to this process alone: nobody to hear, and no periodic writes. */
  readonly peers: Peers | null;
  readonly memory: LocalMemory;
  readonly timings: ClusterTimings;
  /** Only ever grows; only differences mean anything. */
  readonly monotonicMs: () => number;
  readonly clock: ClusterClock;
  /** Random texts, never the same twice. */
  readonly newId: () => string;
  /** Whether a process of this machine is certainly over; asked about an older node of the same name. */
  readonly isProcessGone: (pid: number) => boolean;
  readonly log: ClusterLog;
  /** Calls the joining off; a node that has joined is stopped by `stop`. */
  readonly signal?: AbortSignal;
}

export interface ClusterStatus {
  /** This node leads. */
  readonly leader: boolean;
  /** Of the leader that this node knows, itself included; null = none. */
  readonly term: number | null;
  readonly leaderName: string | null;
  readonly members: readonly Member[];
  /** Identity of the engine that the cluster works with; null = none is recorded yet. */
  readonly engine: string | null;
  /** The form in which records are written now. */
  readonly format: number;
  /** Why this node does not lead; null = it may. */
  readonly standsBack: string | null;
  /** Sentences about what is wrong, seen from this node; empty = well. */
  readonly problems: readonly string[];
}

export interface Readiness {
  readonly ready: boolean;
  /** Sentences; empty when ready. */
  readonly reasons: readonly string[];
}

export interface ClusterNode {
  /** Resolves when this node leads for the first time. */
  readonly elected: Promise<void>;
  /** Rejects when an invariant broke: the process has to stop. */
  readonly failed: Promise<never>;
  /** What the node-to-node listener tells others. */
  pulse(): Pulse;
  status(): ClusterStatus;
  readiness(): Readiness;
  /** The form in which records are to be written now: older readers are still about while it is lower than this build's. */
  activeFormat(): number;
  /** Ends all duties, resigns and leaves. */
  stop(): Promise<void>;
}
