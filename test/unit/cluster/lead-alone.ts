// A node alone that leads, for tests of what leaders do: real timers, and a store of the test's own.

import { createClusterClock } from '../../../cluster/cluster-clock.ts';
import { CLUSTER_TIMINGS, joinCluster } from '../../../cluster/join.ts';
import type { ClusterNode } from '../../../cluster/join.ts';
import type { LeaderDuty } from '../../../cluster/leadership.ts';
import { keys } from '../../../store/keys.ts';
import { installationRecord } from '../../../store/records/system-records.ts';
import type { StateStore } from '../../../store/state/port.ts';
import { MemoryInMemory } from './memory-in-memory.ts';

const SILENT = { info: () => undefined, warn: () => undefined };

export interface LoneLeader {
  readonly elected: Promise<void>;
  stop(): Promise<void>;
}

let started = 0;

export function leadAlone(state: StateStore, duties: readonly LeaderDuty[]): LoneLeader {
  const joining = join(state, duties, ++started);
  const elected = joining.then((node) => node.elected);
  // Whoever waits for it hears of a failure.
  elected.catch(() => undefined);
  return { elected, stop: async () => (await joining).stop() };
}

async function join(state: StateStore, leaderDuties: readonly LeaderDuty[], number: number): Promise<ClusterNode> {
  const installation = installationRecord.encode({ installationId: 'cluster-1', created: 1 });
  await state.commit({
    compares: [{ target: 'create', key: keys.meta(), equals: 0 }],
    writes: [{ op: 'put', key: keys.meta(), value: installation }],
  });
  return joinCluster({
    state,
    self: {
      ...{ name: 'alone', nodeId: `node-${number}`, machine: 'm1', pid: number, version: '1.0.0' },
      ...{ formats: { min: 1, max: 1 }, apiUrl: '', peerAddress: '', started: 1 },
      engine: { kind: 'process', identity: 'shared', where: '/tasks' },
    },
    ...{ leaderDuties, nodeDuties: [], peers: null, memory: new MemoryInMemory(), timings: CLUSTER_TIMINGS },
    monotonicMs: () => performance.now(),
    clock: createClusterClock({ alone: true }),
    newId: () => crypto.randomUUID(),
    isProcessGone: () => true,
    log: SILENT,
  });
}
