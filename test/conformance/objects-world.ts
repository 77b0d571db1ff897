// What an object store's test file gives to the conformance suite, and the small helpers that all of its parts share.

import { createHash } from 'node:crypto';
import type { ByteRange, ObjectStore } from '../../store/objects/port.ts';

export interface ObjectWorld {
  readonly store: ObjectStore;
  dispose(): Promise<void>;
}

/** The store of a group; made before the first test of the group. */
export type Store = () => ObjectStore;

/** Bodies and readers that the tests of single backends need too. */
export async function* chunksOf(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
}

export async function readAll(store: ObjectStore, name: string, range?: ByteRange): Promise<Buffer> {
  const { body } = await store.open(name, range === undefined ? {} : { range });
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

export async function namesOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of store.list(prefix)) names.push(name);
  return names.sort();
}

export const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
