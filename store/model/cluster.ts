// The words of a cluster: its members, who leads, what an operator asked of it.

import type { Instant } from './ids.ts';

/** Which forms of records a build can read and write. A cluster works in one form, which all its members know. */
export interface RecordFormats {
  readonly min: number;
  readonly max: number;
}

/** The engine that a node works with. Nodes that name the same identity reach the very same attempts. */
export interface MemberEngine {
  readonly kind: string;
  /** Such as the id of a Docker daemon, or machine and directory of a process table. */
  readonly identity: string;
  /** For people: machine, socket or address. */
  readonly where: string;
}

/** Under `cluster/engine`: the engine that the cluster's attempts live in. Nodes with another one may not lead. */
export interface ClusterEngine extends MemberEngine {
  /** Name of the node that recorded it. */
  readonly by: string;
  readonly since: Instant;
}

/** What a node says of its own state, with each heartbeat. */
export interface MemberHealth {
  /** Wall clock of the node when it wrote this. */
  readonly at: Instant;
  /** How long the heartbeat before this one took to be durable; null before the first. */
  readonly storeMs: number | null;
  /** How far this node's view of the store lies behind, as measured by its own heartbeat coming back on a watch. */
  readonly lagMs: number | null;
  /** Largest distance of another member's clock, as heard from the others; null = nothing heard. */
  readonly clockOffsetMs: number | null;
  /** Short sentences about what is wrong; empty = well. */
  readonly problems: readonly string[];
}

/** A node's record about itself, under a lease of its own: it is there exactly while the node is alive. */
export interface Member {
  /** Unique in the cluster, chosen by the operator. */
  readonly name: string;
  /** Random for each process: a restarted node is another one. */
  readonly nodeId: string;
  /** Machine, boot and process-id namespace in one text: within it a process id means one process. '' = not known. */
  readonly machine: string;
  readonly pid: number;
  readonly version: string;
  readonly formats: RecordFormats;
  readonly apiUrl: string;
  /** host:port of the node-to-node listener; '' = none. */
  readonly peerAddress: string;
  readonly started: Instant;
  readonly engine: MemberEngine;
  /** Null = a candidate for leadership; else why it is not one. */
  readonly standsBack: string | null;
  readonly health: MemberHealth;
}

/** Value of the leader key. Its create revision is the term. */
export interface LeaderClaim {
  readonly name: string;
  readonly nodeId: string;
  /** Tells one try to lead from every other, when an answer was lost. */
  readonly nonce: string;
  /** The lease under which the key lies: whoever sees the leader's process gone may revoke it. */
  readonly lease: string;
}

/** Under `cluster/drain/<name>`: the node takes no new work and is emptied by the load balancer. */
export interface DrainOrder {
  readonly since: Instant;
  readonly by: string;
}

/** Asks the leader of `term` to hand over. It is deleted by the leader that obeys it. */
export interface TransferOrder {
  readonly term: number;
  /** Name of the member that should lead next; null = any other. */
  readonly to: string | null;
  readonly askedAt: Instant;
}
