// The secret store inside the state store: values are records there, sealed with a key that is never in it. All nodes that
// hold the same key file read and write them.

import { keys } from '../../keys.ts';
import { AppError } from '../../model/errors.ts';
import type { SealedValue } from '../../records/blob-records.ts';
import { sealedValueRecord } from '../../records/blob-records.ts';
import type { StateStore } from '../../state/port.ts';
import { nameSegments } from '../../stored-name.ts';
import type { SecretStore } from '../port.ts';
import { SECRET_BYTES_MAX } from '../port.ts';
import { openKeyFile } from './key-file.ts';
import { findKey, findKeyAnew, fixedKeyRing } from './key-ring.ts';
import type { RotateOptions, RotationReport, SealedDeps } from './rotation.ts';
import { rotateKeys } from './rotation.ts';
import { cannotOpen, seal, unseal } from './sealing-key.ts';
import type { AgreedKey } from './sealing-ring.ts';
import { agreedKey, overtaken, readAgreedKey, stillAgreed } from './sealing-ring.ts';

/** A put is tried again only when a rotation took place in between; two in a row are nobody's intention. */
const PUT_TRIES_MAX = 4;

export interface SealedStore extends SecretStore {
  /**
   * Makes a new key and seals everything with it. After a crash at any point all values can still be read, and calling it
   * again completes the work. With fixed keys it goes over to the newest that the operator has added. Throws 'conflict' while
   * another rotation is at work, or when this node does not hold the key that is used now.
   */
  rotate(options?: RotateOptions): Promise<RotationReport>;
}

export type KeySource =
  | { readonly kind: 'file'; readonly path: string; readonly createIfAbsent: boolean }
  /** Newest last; `source` names the variable in errors. */
  | { readonly kind: 'text'; readonly text: string; readonly source: string };

export interface SealedStoreOptions {
  readonly state: StateStore;
  readonly keys: KeySource;
}

/** Throws 'invalid' with what to do when the keys cannot be used. */
export async function openSealedStore({ state, keys: from }: SealedStoreOptions): Promise<SealedStore> {
  const ring = from.kind === 'file' ? await openKeyFile(from) : fixedKeyRing(from.text, from.source);
  return createSealedStore({ state, ring });
}

export function createSealedStore(deps: SealedDeps): SealedStore {
  const { state, ring } = deps;
  const put = createPut(deps);
  let closed = false;
  let rotating = false;

  function assertOpen(): void {
    if (closed) throw new AppError('unavailable', 'The secret store is closed.', { outcome: 'not_applied' });
  }

  function check(name: string): void {
    assertOpen();
    nameSegments(name);
  }

  async function get(name: string): Promise<string | null> {
    const first = await read(name);
    if (first === null) return null;
    const key = findKey(ring, first.keyId);
    if (key !== null) return unseal(key, name, first);
    // The ring is older than the value, or newer: a rotation has gone by. Both are looked at again, once.
    await ring.reload();
    const second = await read(name);
    if (second === null) return null;
    const keyNow = findKey(ring, second.keyId);
    if (keyNow === null) throw cannotOpen(`this node does not hold key ${second.keyId}`);
    return unseal(keyNow, name, second);
  }

  async function read(name: string): Promise<SealedValue | null> {
    const found = await state.get(keys.sealed(name));
    return found === null ? null : sealedValueRecord.decode(found.value);
  }

  async function rotate(options: RotateOptions): Promise<RotationReport> {
    if (rotating) throw overtaken();
    rotating = true;
    try {
      return await rotateKeys(deps, options);
    } finally {
      rotating = false;
    }
  }

  return {
    async put(name, value) {
      check(name);
      assertStorable(value);
      await put(name, value);
    },
    async get(name) {
      check(name);
      return get(name);
    },
    async delete(name) {
      check(name);
      await state.commit({ compares: [], writes: [{ op: 'delete', key: keys.sealed(name) }] });
    },
    async rotate(options = {}) {
      assertOpen();
      return rotate(options);
    },
    async close() {
      closed = true;
    },
  };
}

function createPut({ state, ring }: SealedDeps): (name: string, value: string) => Promise<void> {
  /** What was agreed when we last looked; every commit checks it. */
  let agreed: AgreedKey | null = null;

  async function tryPut(name: string, value: string): Promise<boolean> {
    // One look for key and condition: another put may learn of a new key while this one waits.
    const remembered = agreed;
    const looked = remembered ?? (await readAgreedKey(state, ring));
    const key = await findKeyAnew(ring, looked.keyId);
    // A key that is gone is no longer the agreed one, if we only remembered it.
    agreed = key === null ? null : looked;
    if (key === null && remembered !== null) return false;
    if (key === null) throw missingKey(looked.keyId);
    const result = await state.commit({
      compares: [stillAgreed(looked)],
      writes: [{ op: 'put', key: keys.sealed(name), value: sealedValueRecord.encode(seal(key, name, value)) }],
      readOnFailure: [keys.sealingRing()],
    });
    const [now] = result.found;
    if (!result.succeeded) agreed = now === undefined ? null : agreedKey(now);
    return result.succeeded;
  }

  return async function put(name, value) {
    for (let tries = 1; tries <= PUT_TRIES_MAX; tries += 1) if (await tryPut(name, value)) return;
    throw overtaken();
  };
}

function assertStorable(value: string): void {
  const bytes = Buffer.byteLength(value, 'utf8');
  if (bytes > SECRET_BYTES_MAX) {
    throw new AppError('limit', `A secret holds at most ${SECRET_BYTES_MAX} bytes; this one has ${bytes}.`);
  }
  // Half a surrogate pair has no UTF-8: it would come back as another character.
  if (/\p{Surrogate}/u.test(value)) throw new AppError('invalid', 'A secret is text; this one is not valid Unicode.');
}

function missingKey(keyId: string): AppError {
  return new AppError('unavailable', 'This node does not hold the key that secrets are sealed with.', {
    detail: `key ${keyId}: copy the key file of a node that holds it`,
    outcome: 'not_applied',
  });
}
