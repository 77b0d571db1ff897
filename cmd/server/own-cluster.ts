// Before a node writes anything into a store that it shares, it makes sure that the store is the one of its cluster: a mistyped prefix
// must neither bring two clusters together nor leave the beginnings of a third.

import type { LocalMemory } from '../../cluster/join.ts';
import { keys } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { installationRecord } from '../../store/records/system-records.ts';
import type { StateStore } from '../../store/state/port.ts';
import type { ClusterSettings } from './cluster-settings.ts';

/** Throws 'conflict' that says what to do. A node that remembers nothing takes what it finds. */
export async function requireOwnCluster(
  state: StateStore,
  { memory, cluster }: { readonly memory: LocalMemory; readonly cluster: ClusterSettings | null },
): Promise<void> {
  const remembered = await memory.read();
  if (remembered === null || cluster === null) return;
  const found = await state.get(keys.meta());
  const id = found === null ? null : installationRecord.decode(found.value).installationId;
  if (id === remembered.clusterId) return;
  const what = id === null ? 'holds no cluster' : `belongs to another cluster (${id})`;
  throw new AppError(
    'conflict',
    `state_store.etcd.prefix: ${JSON.stringify(cluster.etcd.prefix)} ${what}; this node is one of cluster ${remembered.clusterId}. ` +
      `Check state_store.etcd.prefix and .endpoints; if the node is to join another cluster, delete ${memory.place}.`,
  );
}
