// Key rotation. The order makes a crash harmless at any line: a key is durable in the ring before anything names it, it is
// named before anything is sealed with it, and an old key goes only when everything was looked at and nothing uses it. A
// rotation that was cut off leaves values under two keys, both in the ring; the next one gathers all under its own.

import { keys } from '../../keys.ts';
import { AppError, isAppError } from '../../model/errors.ts';
import type { SealedValue } from '../../records/blob-records.ts';
import { sealedValueRecord } from '../../records/blob-records.ts';
import type { KeyValue, StateStore } from '../../state/port.ts';
import type { KeyRing } from './key-ring.ts';
import { findKey, newestKey } from './key-ring.ts';
import type { SealingKey } from './sealing-key.ts';
import { newSealingKey, seal, unseal } from './sealing-key.ts';
import type { AgreedKey } from './sealing-ring.ts';
import { agreeOn, overtaken, readAgreedKey, stillAgreed } from './sealing-ring.ts';

/** Values are up to 350 kB when sealed: 7 MB at once. */
const PAGE_VALUES = 20;

export interface RotateOptions {
  /** The agreed key is lost for good, and with it all that is sealed with it: go on with the ring's newest. */
  readonly abandonLostKey?: boolean;
  readonly signal?: AbortSignal;
}

export interface RotationReport {
  readonly keyId: string;
  readonly resealed: number;
  /** Names of values that no key at hand opens; they are left as they are, and so are their keys. */
  readonly unreadable: readonly string[];
  /** Keys that nothing uses any more; taken out of the ring, unless it is fixed: then the operator may. */
  readonly unusedKeyIds: readonly string[];
}

export interface SealedDeps {
  readonly state: StateStore;
  readonly ring: KeyRing;
}

export async function rotateKeys(
  deps: SealedDeps,
  { abandonLostKey = false, signal }: RotateOptions,
): Promise<RotationReport> {
  const { state, ring } = deps;
  await ring.reload();
  const before = await readAgreedKey(state, ring);
  if (findKey(ring, before.keyId) === null && !abandonLostKey) {
    throw new AppError('conflict', 'This node does not hold the key that secrets are sealed with.', {
      detail: `key ${before.keyId}: copy the key file of a node that holds it`,
    });
  }
  const key = await nextKey(ring, before);
  const agreed = key.id === before.keyId ? before : await agreeOn(state, before, key.id);
  // Once more: somebody may have replaced the file in between, and from here on values depend on the key.
  await ring.editor?.add(key);
  let resealed = 0;
  for await (const page of pages(state, signal)) {
    const done = await Promise.all(page.map((kv) => reseal(deps, { kv, key, agreed })));
    resealed += done.filter(Boolean).length;
  }
  const { usedKeyIds, unreadable } = await inspect(deps, signal);
  const unused = ring.keys().filter(({ id }) => id !== key.id && !usedKeyIds.has(id));
  const unusedKeyIds = unused.map(({ id }) => id);
  if (unusedKeyIds.length > 0) await ring.editor?.remove(unusedKeyIds);
  return { keyId: key.id, resealed, unreadable, unusedKeyIds };
}

/** A key that is in the ring but not agreed on yet comes from the operator, or from a rotation cut off: it is taken first. */
async function nextKey(ring: KeyRing, before: AgreedKey): Promise<SealingKey> {
  const newest = newestKey(ring);
  if (newest.id !== before.keyId) return newest;
  if (ring.editor !== null) {
    const made = newSealingKey();
    await ring.editor.add(made);
    return made;
  }
  if (ring.keys().length > 1) return newest;
  throw new AppError(
    'conflict',
    'The sealing keys are fixed: add a new one after the old one on every node, then rotate.',
  );
}

interface ResealOrder {
  readonly kv: KeyValue;
  readonly key: SealingKey;
  readonly agreed: AgreedKey;
}

/** False when there is nothing to do: it is sealed with this key, was written or deleted meanwhile, or cannot be opened. */
async function reseal({ state, ring }: SealedDeps, { kv, key, agreed }: ResealOrder): Promise<boolean> {
  const old = readable(ring, kv);
  if (old === null || old.keyId === key.id) return false;
  const value = sealedValueRecord.encode(seal(key, nameOf(kv), old.value));
  const result = await state.commit({
    compares: [stillAgreed(agreed), { target: 'mod', key: kv.key, equals: kv.modRevision }],
    writes: [{ op: 'put', key: kv.key, value }],
    readOnFailure: [keys.sealingRing()],
  });
  if (!result.succeeded && result.found[0]?.modRevision !== agreed.modRevision) throw overtaken();
  return result.succeeded;
}

interface Inspection {
  readonly usedKeyIds: ReadonlySet<string>;
  readonly unreadable: readonly string[];
}

async function inspect({ state, ring }: SealedDeps, signal: AbortSignal | undefined): Promise<Inspection> {
  const usedKeyIds = new Set<string>();
  const unreadable: string[] = [];
  for await (const page of pages(state, signal)) {
    for (const kv of page) {
      const record = decoded(kv);
      // What key a record was sealed with that cannot even be parsed, nobody knows: all are kept for it.
      for (const id of record === null ? ring.keys().map((key) => key.id) : [record.keyId]) usedKeyIds.add(id);
      if (readable(ring, kv) === null) unreadable.push(nameOf(kv));
    }
  }
  return { usedKeyIds, unreadable };
}

async function* pages(state: StateStore, signal: AbortSignal | undefined): AsyncGenerator<readonly KeyValue[]> {
  const range = keys.allSealed();
  let start = range.start;
  for (;;) {
    signal?.throwIfAborted();
    const { kvs, more } = await state.range({ start, end: range.end }, { limit: PAGE_VALUES });
    yield kvs;
    const last = kvs.at(-1);
    if (!more || last === undefined) return;
    start = `${last.key}\0`;
  }
}

function readable(ring: KeyRing, kv: KeyValue): { readonly keyId: string; readonly value: string } | null {
  const record = decoded(kv);
  const key = record === null ? null : findKey(ring, record.keyId);
  if (record === null || key === null) return null;
  try {
    return { keyId: record.keyId, value: unseal(key, nameOf(kv), record) };
  } catch (error) {
    if (isAppError(error, 'internal')) return null;
    throw error;
  }
}

function decoded(kv: KeyValue): SealedValue | null {
  try {
    return sealedValueRecord.decode(kv.value);
  } catch (error) {
    if (isAppError(error, 'internal')) return null;
    throw error;
  }
}

function nameOf(kv: KeyValue): string {
  return kv.key.slice(keys.allSealed().start.length);
}
