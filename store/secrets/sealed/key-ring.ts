// The keys that a node holds: the newest seals, all open. They come from a file (key-file.ts), which rotation can change, or
// from a fixed text, which only the operator can.

import type { SealingKey } from './sealing-key.ts';
import { parseKeys } from './sealing-key.ts';

export interface KeyRing {
  /** Oldest first; never empty. */
  keys(): readonly SealingKey[];
  /** Reads the keys again: an operator or another node may have changed them. */
  reload(): Promise<void>;
  /** Null when the keys are not ours to change. */
  readonly editor: KeyRingEditor | null;
}

/** Both are durable when they resolve, atomic, and may be called twice. */
export interface KeyRingEditor {
  /** Makes the key the newest, unless the ring holds it already. */
  add(key: SealingKey): Promise<void>;
  /** Takes keys out, but never the newest. */
  remove(keyIds: readonly string[]): Promise<void>;
}

/** Keys from an environment variable, newest last. Throws 'invalid', naming `source`. */
export function fixedKeyRing(text: string, source: string): KeyRing {
  const keys = parseKeys(text, source);
  return { keys: () => keys, reload: async () => {}, editor: null };
}

export function newestKey(ring: KeyRing): SealingKey {
  const newest = ring.keys().at(-1);
  if (newest === undefined) throw new TypeError('a key ring is never empty');
  return newest;
}

export function findKey(ring: KeyRing, keyId: string): SealingKey | null {
  return ring.keys().find(({ id }) => id === keyId) ?? null;
}

/** As `findKey`, but looks at the ring's source once more before it gives up. */
export async function findKeyAnew(ring: KeyRing, keyId: string): Promise<SealingKey | null> {
  const known = findKey(ring, keyId);
  if (known !== null) return known;
  await ring.reload();
  return findKey(ring, keyId);
}
