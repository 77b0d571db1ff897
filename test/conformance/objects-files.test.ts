// The object store on a directory passes the suite of all object stores.

import { openFilesStore } from '../../store/objects/files/files-store.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { describeClosedObjectStore, describeObjectStore } from './objects-suite.ts';
import type { ObjectWorld } from './objects-world.ts';

async function filesWorld(shared = false): Promise<ObjectWorld> {
  const directory = await temporaryDirectory();
  const store = await openFilesStore({ directory: directory.path, shared });
  const dispose = async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  };
  return { store, dispose };
}

describeObjectStore('files', () => filesWorld());
describeObjectStore('shared files', () => filesWorld(true));
describeClosedObjectStore('files', () => filesWorld());
