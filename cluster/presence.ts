// Work that any node may do, for as long as it is a member: serving streams, copying logs that it has claimed.

import type { Compare } from '../store/state/port.ts';

/** One uninterrupted membership. */
export interface Presence {
  readonly nodeId: string;
  /** Holds while this node's member key is the one that it joined with: a claim is worth as much as its claimer is alive. */
  readonly fence: Compare;
  /** Aborts when the node leaves or its member key is gone. The duty is started again with the next presence. */
  readonly signal: AbortSignal;
  /** As far as the member records tell; claims of others are free to take. */
  isAlive(nodeId: string): boolean;
  /** How many members share such work; at least 1. */
  memberCount(): number;
  /**
   * Node ids of the members whose engine is the cluster's: those can share work on attempts. As far as the member records tell; this
   * node is among them only while its own engine is.
   */
  sharers(): readonly string[];
}

/** Work of every node. A rejection ends the presence, which begins anew. */
export interface NodeDuty {
  readonly name: string;
  /** Resolves once the duty has stopped, which it does when the presence's signal aborts. */
  run(presence: Presence): Promise<void>;
}
