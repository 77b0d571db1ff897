// The keys that seal, and the sealing itself: AES-256-GCM with a random nonce for each value. A value is bound to its name
// and to its key by associated data, so a sealed value that is copied under another name cannot be opened there.
//
// Nothing of a key or of a value may enter a message, a detail or a cause.

import { createCipheriv, createDecipheriv, createHmac, createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { AppError } from '../../model/errors.ts';
import type { SealedValue } from '../../records/blob-records.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ID_CHARACTERS = 16;

/** `bytes` is opaque to logs: printing a KeyObject shows no key. */
export interface SealingKey {
  /** Made from the key, so that all nodes call the same key the same; tells nothing about it. */
  readonly id: string;
  readonly bytes: KeyObject;
}

export function newSealingKey(): SealingKey {
  return sealingKey(randomBytes(KEY_BYTES));
}

function sealingKey(bytes: Buffer): SealingKey {
  const id = createHmac('sha256', bytes).update('gofer sealing key id').digest('hex').slice(0, ID_CHARACTERS);
  return { id, bytes: createSecretKey(bytes) };
}

/** How a key is written in a key file. */
export function keyText(key: SealingKey): string {
  return key.bytes.export().toString('base64');
}

/**
 * Reads keys, oldest first, from the text of a file or of an environment variable: one on each line or between commas; "#"
 * begins a comment. `source` names the place in errors. Throws 'invalid' when there is none or one is malformed.
 */
export function parseKeys(text: string, source: string): readonly SealingKey[] {
  const words = text
    .split('\n')
    .map((line) => line.replace(/#.*/, ''))
    .flatMap((line) => line.split(/[\s,]+/))
    .filter((word) => word !== '');
  if (words.length === 0) throw new AppError('invalid', `${source} holds no key; expected ${KEY_RULE}.`);
  const keys = words.map((word, at) => parseKey(word, `${source}, key ${at + 1}`));
  // A key that stands twice counts where it stands last.
  return keys.filter((key, at) => keys.findLastIndex(({ id }) => id === key.id) === at);
}

const KEY_RULE = `${KEY_BYTES} random bytes as base64 (44 characters) or hex (64 characters), as "openssl rand -base64 32" prints`;

function parseKey(word: string, source: string): SealingKey {
  if (/^[0-9a-fA-F]{64}$/.test(word)) return sealingKey(Buffer.from(word, 'hex'));
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(word)) return sealingKey(Buffer.from(word, 'base64'));
  throw new AppError('invalid', `${source}: expected ${KEY_RULE}; found ${word.length} characters of another form.`);
}

export function seal(key: SealingKey, name: string, value: string): SealedValue {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.bytes, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(key, name));
  const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { keyId: key.id, nonce: nonce.toString('base64'), sealed: sealed.toString('base64') };
}

/** Throws 'internal' when the value was not sealed with this key under this name, or was changed since. */
export function unseal(key: SealingKey, name: string, value: SealedValue): string {
  const nonce = Buffer.from(value.nonce, 'base64');
  const sealed = Buffer.from(value.sealed, 'base64');
  const tagStart = sealed.length - TAG_BYTES;
  if (nonce.length !== NONCE_BYTES || tagStart < 0) throw cannotOpen('cut short');
  const decipher = createDecipheriv(CIPHER, key.bytes, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(key, name));
  decipher.setAuthTag(sealed.subarray(tagStart));
  const opened = decipher.update(sealed.subarray(0, tagStart));
  try {
    return Buffer.concat([opened, decipher.final()]).toString('utf8');
  } catch {
    // The cause is left out: all that it says is said here.
    throw cannotOpen('changed, moved from another name, or sealed with another key');
  }
}

/** For a value that the keys at hand do not open. */
export function cannotOpen(detail: string): AppError {
  return new AppError('internal', 'A stored secret cannot be opened.', { detail });
}

/** Names and ids hold no zero byte, so no two pairs give the same bytes. */
function associatedData(key: SealingKey, name: string): Buffer {
  return Buffer.from(`gofer sealed value 1\0${key.id}\0${name}`, 'utf8');
}
