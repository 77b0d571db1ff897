// Codecs of what is known about objects and secrets, and of secret values as the sealed store keeps them. The bytes of an
// object are never here, and the value of a secret only sealed.

import { recordCodec } from '../codec.ts';
import type { Instant } from '../model/ids.ts';

/** Under `object/`: what a user's key stands for. */
export interface ObjectKey {
  readonly key: string;
  /** First creation; an overwrite keeps it (spec 7.2). */
  readonly created: Instant;
  readonly modified: Instant;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Name in the object store. */
  readonly blobName: string;
}

export const objectKeyRecord = recordCodec<ObjectKey>({
  kind: 'object key',
  fields: {
    key: 'string',
    created: 'number',
    modified: 'number',
    size: 'number',
    sha256: 'string',
    blobName: 'string',
  },
});

/** Under `secret/`: who may use a secret, and since when. The value lies in the secret store. */
export interface SecretKey {
  readonly key: string;
  readonly created: Instant;
  readonly modified: Instant;
  /** Patterns of namespaces that may use a global secret (spec 6.3); empty for a pipeline's own. */
  readonly namespaces: readonly string[];
  /** Name in the secret store. */
  readonly secretName: string;
}

export const secretKeyRecord = recordCodec<SecretKey>({
  kind: 'secret key',
  fields: { key: 'string', created: 'number', modified: 'number', namespaces: 'array', secretName: 'string' },
});

/** Under `sealed/`: a value that only a holder of the key can read. All three are base64 or hex texts. */
export interface SealedValue {
  readonly keyId: string;
  readonly nonce: string;
  /** Ciphertext, then the 16-byte tag. */
  readonly sealed: string;
}

export const sealedValueRecord = recordCodec<SealedValue>({
  kind: 'sealed value',
  fields: { keyId: 'string', nonce: 'string', sealed: 'string' },
});

/** Under `sealing-ring`: the one key that may seal now. Every put of a value is bound to this record's revision. */
export interface SealingRing {
  readonly newestKeyId: string;
}

export const sealingRingRecord = recordCodec<SealingRing>({
  kind: 'sealing ring',
  fields: { newestKeyId: 'string' },
});
