// The timings of a cluster, and why each is what it is.

import type { ClusterTimings } from './options.ts';

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
