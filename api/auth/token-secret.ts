// Secrets of tokens (spec 1.6): made here, shown once, and known afterwards by their hash alone.

import { createHash, randomInt } from 'node:crypto';

const SECRET_LENGTH = 32;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

export function newTokenSecret(): string {
  return Array.from({ length: SECRET_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

/** Lower-case hex SHA-256. A secret has 190 random bits, so that a slow hash would protect nothing more. */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
