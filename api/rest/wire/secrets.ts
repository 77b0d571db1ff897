// From the model to the wire: secrets. Pure.

import type { SecretKey } from '../../operations/secrets.ts';

/** Where its value lies is nobody's business. */
export function wireSecret({ key, created, modified, namespaces }: SecretKey) {
  return { key, created, modified, namespaces: [...namespaces] };
}
