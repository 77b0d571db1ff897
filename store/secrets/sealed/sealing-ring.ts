// Which key seals now is agreed in the state store, in one record. Every put of a value is committed under the condition that
// this record has not changed, so from the commit that names a new key on, nothing can be sealed with an older one, on any
// node. Only therefore may rotation take old keys away after it has looked once.

import { AppError } from '../../model/errors.ts';
import { keys } from '../../keys.ts';
import { sealingRingRecord } from '../../records/blob-records.ts';
import type { Compare, KeyValue, StateStore } from '../../state/port.ts';
import type { KeyRing } from './key-ring.ts';
import { newestKey } from './key-ring.ts';

export interface AgreedKey {
  readonly keyId: string;
  /** Of the record; holds as long as the agreement does. */
  readonly modRevision: number;
}

/** Reads the agreement; the very first reader makes it, with its own newest key. */
export async function readAgreedKey(state: StateStore, ring: KeyRing): Promise<AgreedKey> {
  const key = keys.sealingRing();
  const found = await state.get(key);
  if (found !== null) return agreedKey(found);
  const value = sealingRingRecord.encode({ newestKeyId: newestKey(ring).id });
  const made = await state.commit({
    compares: [{ target: 'create', key, equals: 0 }],
    writes: [{ op: 'put', key, value }],
    readOnFailure: [key],
  });
  if (made.succeeded) return { keyId: newestKey(ring).id, modRevision: made.revision };
  const [other] = made.found;
  if (other === undefined) throw new AppError('unavailable', 'The sealing key is being changed; try again.');
  return agreedKey(other);
}

export function agreedKey(found: KeyValue): AgreedKey {
  return { keyId: sealingRingRecord.decode(found.value).newestKeyId, modRevision: found.modRevision };
}

/** Holds in a commit exactly while the agreement stands. */
export function stillAgreed(agreed: AgreedKey): Compare {
  return { target: 'mod', key: keys.sealingRing(), equals: agreed.modRevision };
}

/** Names another key; throws 'conflict' when somebody else did so first. */
export async function agreeOn(state: StateStore, before: AgreedKey, keyId: string): Promise<AgreedKey> {
  const result = await state.commit({
    compares: [stillAgreed(before)],
    writes: [{ op: 'put', key: keys.sealingRing(), value: sealingRingRecord.encode({ newestKeyId: keyId }) }],
  });
  if (!result.succeeded) throw overtaken();
  return { keyId, modRevision: result.revision };
}

export function overtaken(): AppError {
  return new AppError('conflict', 'Another key rotation is at work.');
}
