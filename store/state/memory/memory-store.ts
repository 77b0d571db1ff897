// The reference backend: everything in this process's memory, gone with it. Tests and simulations run on it; given a clock
// and a `defer` of theirs it reads no real time and waits for nothing real.

import type { StateStore, StoreLimits } from '../port.ts';
import { DEFAULT_LIMITS } from '../port.ts';
import type { Backing } from '../mvcc/backing.ts';
import type { Clock } from '../mvcc/clock.ts';
import { systemClock } from '../mvcc/clock.ts';
import { createEngine } from '../mvcc/engine.ts';
import type { HistoryBounds } from '../mvcc/history.ts';
import { createSortedEntries } from './sorted-entries.ts';

export interface MemoryStoreOptions {
  readonly clock?: Clock;
  readonly limits?: StoreLimits;
  readonly history?: HistoryBounds;
  /** When staged commits are applied; a simulation gives `queueMicrotask`, so that nothing waits for the real event loop. */
  readonly defer?: (run: () => void) => void;
}

/** etcd's limits unless told otherwise: code that works on it then also fits the smallest backend. */
export function createMemoryStore(options: MemoryStoreOptions = {}): StateStore {
  const { clock = systemClock, limits = DEFAULT_LIMITS, history } = options;
  // Not a microtask by default: callers that do nothing but commit would keep timers and sockets from ever running.
  const { defer = setImmediate } = options;
  let leases = 0;
  return createEngine({
    backing: createMemoryBacking(),
    clock,
    limits,
    newLeaseId: () => `lease-${++leases}`,
    defer,
    ...(history === undefined ? {} : { history }),
  });
}

/** Exported for tests that make its writes fail. */
export function createMemoryBacking(): Backing {
  const entries = createSortedEntries();
  let revision = 0;
  return {
    revision: () => revision,
    get: (key) => entries.get(key),
    scan: (range) => entries.scan(range),
    async write(commits) {
      for (const commit of commits) {
        for (const event of commit.events) {
          if (event.type === 'put') entries.put(event.kv);
          else entries.delete(event.key);
        }
        revision = commit.revision;
      }
    },
    recover: async () => 'settled',
    async close() {},
  };
}
