// Before a node writes anything into a store that it shares, it makes sure that the store is the one of its cluster: a mistyped prefix
// must neither bring two clusters together nor leave the beginnings of a third. Joining checks it again, with all that is remembered.

import { storeRefusal } from '../../cluster/identity.ts';
import type { LocalMemory } from '../../cluster/join.ts';
import { keys } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { installationRecord } from '../../store/records/system-records.ts';
import type { StateStore } from '../../store/state/port.ts';

/** Throws 'invalid' that says what to do. A node that remembers nothing takes what it finds. */
export async function requireOwnCluster(state: StateStore, memory: LocalMemory): Promise<void> {
  const remembered = await memory.read();
  if (remembered === null) return;
  const found = await state.get(keys.meta());
  const clusterId = found === null ? null : installationRecord.decode(found.value).installationId;
  const refusal = storeRefusal(
    remembered,
    { clusterId, revision: remembered.highestRevision, term: null },
    memory.place,
  );
  if (refusal !== null) throw new AppError('invalid', refusal);
}
