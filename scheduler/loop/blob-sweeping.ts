// The blob sweeping duty: takes away bytes in the object store that nothing points to. A put writes the bytes first and the record
// that points to them afterwards, an overwrite or a deletion the other way round: a crash in between leaves bytes that nobody can
// read any more. So does a log whose record says "removed" or "expired" when the node died before the bytes went.
//
// Nothing is taken on suspicion: a blob must have been found unwanted twice, with the grace in between, by this node's own clock.

import { setTimeout as pause } from 'node:timers/promises';
import type { LeaderDuty, Leadership } from '../../cluster/leadership.ts';
import { keys } from '../../store/keys.ts';
import { ARCHIVE_PREFIX, parseArchiveName } from '../../store/logs/archive.ts';
import { errorText, isAppError } from '../../store/model/errors.ts';
import { BLOB_PREFIX, parseBlobName } from '../../store/objects/blob-name.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import { objectKeyRecord } from '../../store/records/blob-records.ts';
import { taskRecord } from '../../store/records/run-records.ts';
import type { StateStore } from '../../store/state/port.ts';
import type { LoopLog } from './deps.ts';

export interface BlobSweepingSettings {
  /** Between two looks at all blobs. */
  readonly intervalMs: number;
  /** How long a blob must have been unwanted: longer than any commit takes. */
  readonly graceMs: number;
}

export interface BlobSweepingDeps {
  readonly state: StateStore;
  readonly objects: ObjectStore;
  readonly settings: BlobSweepingSettings;
  readonly log: LoopLog;
}

export function createBlobSweepingDuty(deps: BlobSweepingDeps): LeaderDuty {
  return { name: 'blob sweeping', run: (leadership) => sweepUntilOver(deps, leadership) };
}

async function sweepUntilOver(deps: BlobSweepingDeps, leadership: Leadership): Promise<void> {
  const { intervalMs, graceMs } = deps.settings;
  const { signal } = leadership;
  let suspects: ReadonlyMap<string, number> = new Map();
  while (!signal.aborted) {
    let pauseMs = intervalMs;
    try {
      suspects = await sweep(deps, leadership, suspects);
      if (suspects.size > 0) pauseMs = Math.min(graceMs, intervalMs);
    } catch (error) {
      if (isAppError(error, 'lost_leadership') || signal.aborted) return;
      if (!isAppError(error)) throw error;
      deps.log.warn({ error: errorText(error) }, 'blob sweeping stopped half-way, trying again later');
    }
    await pause(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Deletes what has been unwanted for long enough; answers with what was found unwanted, and since when. */
async function sweep(
  deps: BlobSweepingDeps,
  leadership: Leadership,
  earlier: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  const suspects = new Map<string, number>();
  let deleted = 0;
  for (const prefix of [BLOB_PREFIX, ARCHIVE_PREFIX]) {
    for await (const name of deps.objects.list(prefix)) {
      leadership.check();
      if (await isWanted(deps.state, name)) continue;
      const since = earlier.get(name) ?? performance.now();
      if (performance.now() - since < deps.settings.graceMs) suspects.set(name, since);
      else {
        await deps.objects.delete(name);
        deleted += 1;
      }
    }
  }
  if (deleted > 0) deps.log.info({ blobs: deleted }, 'left-over blobs swept');
  return suspects;
}

/** A name that is not ours, or a record that cannot be read, says nothing: left alone. */
async function isWanted(state: StateStore, name: string): Promise<boolean> {
  try {
    return (await isWantedObject(state, name)) && (await isWantedLog(state, name));
  } catch (error) {
    if (isAppError(error, 'internal')) return true;
    throw error;
  }
}

async function isWantedObject(state: StateStore, name: string): Promise<boolean> {
  const place = parseBlobName(name);
  if (place === null) return true;
  const kv = await state.get(keys.object(place.scope, place.key));
  return kv !== null && objectKeyRecord.decode(kv.value).blobName === name;
}

async function isWantedLog(state: StateStore, name: string): Promise<boolean> {
  const attempt = parseArchiveName(name);
  if (attempt === null) return true;
  const kv = await state.get(keys.task(attempt));
  if (kv !== null) {
    const task = taskRecord.decode(kv.value);
    return task.state !== 'complete' || (task.logs !== 'removed' && task.logs !== 'expired');
  }
  // A copy that is being made right now has its duty, and a run that is being written has its record.
  return (await state.get(keys.archive(attempt))) !== null || (await state.get(keys.run(attempt))) !== null;
}
