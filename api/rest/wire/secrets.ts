import type { SecretKey } from '../../../store/records/blob-records.ts';

/** Where its value lies is nobody's business. */
export function wireSecret({ key, created, modified, namespaces }: SecretKey) {
  return { key, created, modified, namespaces: [...namespaces] };
}
