// Logs in the object store: one object for each attempt. Written once by the archiver, read by every node.

import { attemptId, parseAttemptId } from '../model/ids.ts';
import type { AttemptKey } from '../model/ids.ts';
import type { ObjectInfo, ObjectStore } from '../objects/port.ts';
import { decodeArchive, encodeArchive } from './archive-format.ts';
import type { ArchivedChunk } from './archive-format.ts';

export const ARCHIVE_PREFIX = 'logs/';

/** Name of an attempt's log in the object store. */
export function archiveName(key: AttemptKey): string {
  return `${ARCHIVE_PREFIX}${key.namespaceId}/${key.pipelineId}/${key.runId}/${attemptId(key, key.attempt)}`;
}

/** The attempt whose log has this name; null for any other name. */
export function parseArchiveName(name: string): AttemptKey | null {
  const key = parseAttemptId(name.slice(name.lastIndexOf('/') + 1));
  return key !== null && archiveName(key) === name ? key : null;
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
