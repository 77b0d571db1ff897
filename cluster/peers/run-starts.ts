// Starts of runs that a node hands to the leader. What they are is the API's to know; here they are only carried.

import type { PipelineKey } from '../../store/keys.ts';
import type { Variable } from '../../store/model/config.ts';
import type { Initiator, PendingRun } from '../../store/model/run.ts';

export interface HandedStart {
  readonly pipeline: PipelineKey;
  readonly variables: readonly Variable[];
  readonly initiator: Initiator;
  /** 0 = a run of its own. */
  readonly retryOf: number;
  /** Null = the live one. */
  readonly configVersion: number | null;
  /** Without one nobody could find out what became of a start whose answer was lost. */
  readonly idempotencyKey: string;
}

/** What a node does with starts that others hand to it. Throws when it does not lead, and whenever there is no run. */
export type StartHere = (start: HandedStart) => Promise<PendingRun>;

/** As they go over the wire: answers come in any order. */
export interface StartsRequest {
  readonly number: number;
  readonly starts: readonly HandedStart[];
}

export interface StartsAnswer {
  readonly number: number;
  /** In the order of the starts. */
  readonly runs: readonly (PendingRun | null)[];
}

export interface LeaderStarts {
  /** Whether there is a leader to hand them to that has been heard just now. */
  isOpen(): boolean;
  /** In their order; null = not made there, as far as is known: safe to do oneself under the same key. Never throws. */
  start(starts: readonly HandedStart[]): Promise<readonly (PendingRun | null)[]>;
  close(): void;
}

/** The leader as this node knows it. */
export interface LeaderSeen {
  readonly nodeId: string;
  /** host:port */
  readonly address: string;
  /** Since it was last heard. */
  readonly silentMs: number;
}
