// The object store on a directory passes the suite of all object stores.

import { openFilesStore } from '../../store/objects/files/files-store.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { ObjectWorld } from './objects-suite.ts';
import { describeClosedObjectStore, describeObjectStore } from './objects-suite.ts';

async function filesWorld(): Promise<ObjectWorld> {
  const directory = await temporaryDirectory();
  const store = await openFilesStore({ directory: directory.path });
  const dispose = async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  };
  return { store, dispose };
}

describeObjectStore('files', filesWorld);
describeClosedObjectStore('files', filesWorld);
