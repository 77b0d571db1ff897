// Names of objects' blobs: what they belong to, and an id of their own. So a sweep can ask of any blob whether its key still points
// to it without looking at anything else.

const PREFIX = 'objects';

export interface BlobPlace {
  /** Scope of the key (store/keys.ts). */
  readonly scope: string;
  readonly key: string;
  /** A fresh UUID v7. */
  readonly id: string;
}

/**
 * Bytes are stored before the record that points to them. The sweep leaves what nothing points to alone for this long, and whoever
 * took longer between the two makes sure that the bytes are still there before it promises them.
 */
export const UNPOINTED_GRACE_MS = 3_600_000;

export const BLOB_PREFIX = `${PREFIX}/`;

export function newBlobName({ scope, key, id }: BlobPlace): string {
  return `${PREFIX}/${scope}/${encodeKey(key)}/${id}`;
}

/** Null for a name that is not of this form. */
export function parseBlobName(name: string): BlobPlace | null {
  const parts = name.split('/');
  const id = parts.pop();
  const key = parts.pop();
  if (parts.shift() !== PREFIX || id === undefined || key === undefined || parts.length === 0) return null;
  try {
    return { scope: parts.join('/'), key: decodeURIComponent(key), id };
  } catch {
    return null;
  }
}

/** Beyond encodeURIComponent: blob names are [A-Za-z0-9._%-] only. */
function encodeKey(key: string): string {
  return encodeURIComponent(key).replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
