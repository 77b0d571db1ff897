// What a load balancer is told of a node from its start to its end. A stop first turns /readyz to 503 and goes on serving for a while,
// so that nobody is sent here any more when the listener closes.

import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterNode, Readiness } from '../../cluster/join.ts';

export interface Lifecycle {
  readonly readiness: () => Readiness;
  /** Answers are the last ones of their connections. */
  readonly isStopping: () => boolean;
  started(node: ClusterNode): void;
  /** Resolves once nobody is expected any more. */
  drain(): Promise<void>;
}

const STARTING: Readiness = { ready: false, reasons: ['The node is starting.'] };
const STOPPING: Readiness = { ready: false, reasons: ['The node is stopping.'] };

export function createLifecycle({ drainMs }: { readonly drainMs: number }): Lifecycle {
  let node: ClusterNode | null = null;
  let isStopping = false;
  return {
    readiness: () => {
      if (isStopping) return STOPPING;
      return node === null ? STARTING : node.readiness();
    },
    isStopping: () => isStopping,
    started: (joined) => {
      node = joined;
    },
    drain: async () => {
      isStopping = true;
      // The other nodes have to be able to take what comes; alone, a wait only delays the restart.
      const others = (node?.status().members.length ?? 0) > 1;
      if (others && drainMs > 0) await pause(drainMs);
    },
  };
}
