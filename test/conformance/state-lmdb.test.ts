// The LMDB backend passes the suite of all state stores.

import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { describeStateStore } from './state-suite.ts';

describeStateStore('lmdb', async () => {
  const directory = await temporaryDirectory();
  const store = await openLmdbStore({ directory: directory.path });
  const dispose = async (): Promise<void> => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  };
  return { store, [Symbol.asyncDispose]: dispose };
});
