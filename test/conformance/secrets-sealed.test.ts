// The sealed secret store passes the suite of all secret stores, on each state store that is embedded.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openSealedStore } from '../../store/secrets/sealed/sealed-store.ts';
import type { KeySource } from '../../store/secrets/sealed/sealed-store.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import { createMemoryStore } from '../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../store/state/port.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { SecretWorld } from './secrets-suite.ts';
import { describeSecretStore } from './secrets-suite.ts';

interface Parts {
  readonly state: (directory: string) => StateStore | Promise<StateStore>;
  readonly keys: (directory: string) => KeySource;
}

function sealedWorld({ state: openState, keys }: Parts): () => Promise<SecretWorld> {
  return async () => {
    const directory = await temporaryDirectory();
    const state = await openState(join(directory.path, 'state'));
    const store = await openSealedStore({ state, keys: keys(directory.path) });
    const dispose = async () => {
      await store.close();
      await state.close();
      await directory[Symbol.asyncDispose]();
    };
    return { store, dispose };
  };
}

const keyFile = (directory: string): KeySource => ({
  kind: 'file',
  path: join(directory, 'keys', 'secret.key'),
  createIfAbsent: true,
});
const keyText = (): KeySource => ({ kind: 'text', text: randomBytes(32).toString('hex'), source: 'TEST_KEY' });

describeSecretStore('sealed in memory', sealedWorld({ state: () => createMemoryStore(), keys: keyText }));
describeSecretStore(
  'sealed in lmdb',
  sealedWorld({ state: (directory) => openLmdbStore({ directory }), keys: keyFile }),
);
