// The timings of a cluster, and why each is what it is. At the bottom of this folder, with the log that all parts write to.

export interface ClusterTimings {
  /** Of the leader's lease and of each member's. */
  readonly leaseTtlSeconds: number;
  readonly keepAliveMs: number;
  /** One keep-alive call. A failed one is repeated as soon as this time is over. */
  readonly keepAliveDeadlineMs: number;
  /** Leading, or being a member, without an answered keep-alive, counted from its sending. Well below the lease's time. */
  readonly holdMs: number;
  /** The records of the cluster are listed again this often, besides being watched. */
  readonly pollMs: number;
  /** Any other call to the store. */
  readonly callDeadlineMs: number;
  /** After a failure that may pass. */
  readonly retryMs: number;
  /** A member refreshes its record this often. */
  readonly heartbeatMs: number;
  /** How long others let the member go first that an operator chose as the next leader. */
  readonly headStartMs: number;
  /** Duties get so long to stop before the leader key is let go. */
  readonly dutyStopMs: number;
  /** A leader that a majority has not heard for so long is deposed; so is one that says that its store was silent for so long. */
  readonly silenceMs: number;
  /** How often a follower looks at the leader. */
  readonly watchLeaderMs: number;
  readonly probeDeadlineMs: number;
  /** Between two probes of a leader whose stream broke. */
  readonly probeGapMs: number;
  /** A store that has not answered for so long makes the node not ready. */
  readonly storeSilentMaxMs: number;
  /** A view of the store that lies further behind makes the node not ready. */
  readonly lagMaxMs: number;
  /** Clocks of members further apart than this are reported. Nothing relies on them. */
  readonly clockBoundMs: number;
  /** No live member may have had the recorded engine for so long before the cluster moves to another one. */
  readonly engineMoveMs: number;
  /** How long a node waits for the end of an older node's lease on its name. */
  readonly nameWaitMs: number;
  /** What must be known after a restart is written down at least this often. */
  readonly rememberMs: number;
}

export interface ClusterLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A lost lease costs 5 s at worst; below 3 s a loaded machine would lose it without cause. */
export const CLUSTER_TIMINGS: ClusterTimings = {
  leaseTtlSeconds: 5,
  keepAliveMs: 1_000,
  keepAliveDeadlineMs: 700,
  holdMs: 3_500,
  pollMs: 2_500,
  callDeadlineMs: 2_000,
  retryMs: 500,
  heartbeatMs: 2_000,
  headStartMs: 1_000,
  dutyStopMs: 2_000,
  silenceMs: 1_500,
  watchLeaderMs: 200,
  probeDeadlineMs: 300,
  probeGapMs: 50,
  storeSilentMaxMs: 3_000,
  lagMaxMs: 5_000,
  clockBoundMs: 1_000,
  engineMoveMs: 30_000,
  nameWaitMs: 20_000,
  rememberMs: 60_000,
};
