// What the first version left on disks and in state stores is opened by this one.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { keys } from '../../../store/keys.ts';
import { openFilesStore } from '../../../store/objects/files/files-store.ts';
import { openSealedStore } from '../../../store/secrets/sealed/sealed-store.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import { namesOf, readAll } from '../../conformance/objects-world.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

interface Golden {
  readonly blob: { readonly name: string; readonly path: string; readonly fileBase64: string; readonly text: string };
  readonly secret: {
    readonly name: string;
    readonly key: string;
    readonly ring: string;
    readonly text: string;
    readonly value: string;
  };
}

const file = join(import.meta.dirname, '..', '..', 'golden', 'blobs-v1.json');
const { blob, secret } = JSON.parse(await readFile(file, 'utf8')) as Golden;

test('a blob file of the first version is found, listed and read', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, blob.path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, Buffer.from(blob.fileBase64, 'base64'));
  const store = await openFilesStore({ directory: directory.path });
  expect(await namesOf(store, '')).toEqual([blob.name]);
  expect((await readAll(store, blob.name)).toString()).toBe(blob.text);
  await store.close();
});

test('a secret that the first version sealed is opened with its key', async () => {
  const state = createMemoryStore();
  await state.commit({
    compares: [],
    writes: [
      { op: 'put', key: keys.sealed(secret.name), value: secret.text },
      { op: 'put', key: keys.sealingRing(), value: secret.ring },
    ],
  });
  const store = await openSealedStore({ state, keys: { kind: 'text', text: secret.key, source: 'TEST_KEY' } });
  expect(await store.get(secret.name)).toBe(secret.value);
  await store.put('global/new', 'value');
  expect(await store.get('global/new')).toBe('value');
});
