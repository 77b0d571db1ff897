// Logs in the object store: one object for each attempt. Written once by the archiver, read by every node.

import { attemptId } from '../model/ids.ts';
import type { AttemptKey } from '../model/ids.ts';
import type { ObjectInfo, ObjectStore } from '../objects/port.ts';
import { decodeArchive, encodeArchive } from './archive-format.ts';
import type { ArchivedChunk } from './archive-format.ts';

/** Name of an attempt's log in the object store. */
export function archiveName(key: AttemptKey): string {
  return `logs/${key.namespaceId}/${key.pipelineId}/${key.runId}/${attemptId(key, key.attempt)}`;
}

/** Repeatable: a second copy replaces the first. */
export function writeArchive(
  objects: ObjectStore,
  name: string,
  chunks: AsyncIterable<ArchivedChunk>,
): Promise<ObjectInfo> {
  return objects.put(name, encodeArchive(chunks));
}

/** Throws 'not_found' when there is no such archive. */
export async function* readArchive(objects: ObjectStore, name: string): AsyncGenerator<ArchivedChunk> {
  const { body } = await objects.open(name);
  yield* decodeArchive(body);
}
