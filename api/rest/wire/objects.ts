// From the model to the wire: objects. Pure.

import type { ObjectKey } from '../../operations/objects.ts';

/** Where its bytes lie is nobody's business. */
export function wireObject({ key, created, modified, size, sha256 }: ObjectKey) {
  return { key, created, modified, size, sha256 };
}
