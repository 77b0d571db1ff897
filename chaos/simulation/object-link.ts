// A node's way to the one object store of the world: small blobs in a map, with a call on the wire for each step.

import { createHash } from 'node:crypto';
import { AppError } from '../../store/model/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../store/objects/port.ts';
import type { Process } from './universe.ts';
import type { Wire } from './wire.ts';
import { LinkError } from './wire.ts';

const CALL_DEADLINE_MS = 1_000;

export function createObjectLink(deps: {
  readonly wire: Wire;
  readonly process: Process;
  readonly blobs: Map<string, Buffer>;
}): ObjectStore {
  const { wire, process, blobs } = deps;

  async function ask<T>(call: string, serve: () => T): Promise<T> {
    try {
      return await wire.call({ process, place: 'objects', call, deadlineMs: CALL_DEADLINE_MS }, async () => serve());
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      throw new AppError('unavailable', 'The object store does not answer.', { detail: error.message });
    }
  }

  function open(name: string): Buffer {
    const bytes = blobs.get(name);
    if (bytes === undefined) throw new AppError('not_found', 'Not Found');
    return bytes;
  }

  return {
    put: async (name, body, { ifAbsent = false } = {}) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of body) pieces.push(piece);
      const bytes = Buffer.concat(pieces);
      return ask(`put ${name}`, () => {
        if (ifAbsent && blobs.has(name)) throw new AppError('conflict', 'There is such a blob.');
        blobs.set(name, bytes);
        return infoOf(bytes);
      });
    },
    open: async (name) => {
      const bytes = await ask('open', () => open(name));
      return { ...infoOf(bytes), body: once(bytes) };
    },
    stat: (name) => ask('stat', () => (blobs.has(name) ? infoOf(open(name)) : null)),
    delete: (name) => ask('delete', () => void blobs.delete(name)),
    list: async function* (prefix) {
      const names = await ask('list', () => [...blobs.keys()].filter((name) => name.startsWith(prefix)));
      yield* names;
    },
    close: async () => undefined,
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function infoOf(bytes: Buffer): ObjectInfo {
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
