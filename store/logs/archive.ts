// Logs in the object store: one object for each attempt. Written once by the archiver, read by every node.

import { isAppError } from '../model/errors.ts';
import { attemptId, parseAttemptId } from '../model/ids.ts';
import type { AttemptKey } from '../model/ids.ts';
import type { ObjectStore } from '../objects/port.ts';
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

/** Of several copies the first whole one stays. True when it is this one. */
export async function writeArchive(
  objects: ObjectStore,
  name: string,
  chunks: AsyncIterable<ArchivedChunk>,
): Promise<boolean> {
  try {
    await objects.put(name, encodeArchive(chunks), { ifAbsent: true });
    return true;
  } catch (error) {
    if (!isAppError(error, 'conflict')) throw error;
    return false;
  }
}

/** Throws 'not_found' when there is no such archive. */
export async function* readArchive(objects: ObjectStore, name: string): AsyncGenerator<ArchivedChunk> {
  const { body } = await objects.open(name);
  yield* decodeArchive(body);
}
