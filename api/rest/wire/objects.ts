import type { ObjectKey } from '../../../store/records/blob-records.ts';

/** Where its bytes lie is nobody's business. */
export function wireObject({ key, created, modified, size, sha256 }: ObjectKey) {
  return { key, created, modified, size, sha256 };
}
