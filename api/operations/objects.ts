// Objects of pipelines and of runs (spec 7). Each put makes a blob of its own; the key's record then points to it, so that an
// overwrite is one commit: readers see the old bytes or the new ones. A crash in between leaves a blob that no record points to, which
// the sweep finds.

import { keys, scopes } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { KEY_BYTES_MAX } from '../../store/model/ids.ts';
import { UNPOINTED_GRACE_MS, newBlobName } from '../../store/objects/blob-name.ts';
import type { ByteRange, OpenObject } from '../../store/objects/port.ts';
import { objectKeyRecord } from '../../store/records/blob-records.ts';
import type { ObjectKey } from '../../store/records/blob-records.ts';
import type { Compare, KeyValue, Write } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation } from './operation.ts';
import { notFound, pipelineOf, runOf } from './parse-place.ts';
import type { PipelinePlace, RunPlace } from './parse-place.ts';
import { findRecord, listRecords, mayBeWritten, retried } from './store-pages.ts';

export type { ObjectKey } from '../../store/records/blob-records.ts';
export type { ByteRange } from '../../store/objects/port.ts';

export interface ObjectPut {
  readonly key: string;
  /** Replace what is there. */
  readonly force: boolean;
  readonly body: AsyncIterable<Uint8Array>;
}
export interface ObjectRead {
  readonly key: string;
}

export interface FoundObject {
  readonly record: ObjectKey;
  /** Its bytes, or a part of them. To be called at once, and once. */
  readonly open: (range?: ByteRange) => Promise<OpenObject>;
}

/** 50 GB, as the contract says (spec 1.1). */
export const OBJECT_BYTES_MAX = 50_000_000_000;

/** Where objects hang: the key of what owns them, and how many it may have (null = any number). */
interface Level {
  readonly scope: string;
  readonly owner: string;
  readonly limit: number | null;
}

export function createObjectOperations(deps: ApiDeps) {
  const ofPipeline = ['namespaces', 'pipelines', 'objects'] as const;
  const ofRun = ['namespaces', 'pipelines', 'runs', 'objects'] as const;
  const pipelineLevel = (place: PipelinePlace): Level => {
    const key = pipelineOf(place);
    return { scope: scopes.pipeline(key), owner: keys.pipeline(key), limit: deps.settings.pipelineObjectLimit };
  };
  const runLevel = (place: RunPlace): Level => {
    const key = runOf(place);
    return { scope: scopes.run(key), owner: keys.run(key), limit: null };
  };
  return {
    pipeline: family<PipelinePlace>(deps, { name: 'pipeline_object', resources: ofPipeline, levelOf: pipelineLevel }),
    run: family<RunPlace>(deps, { name: 'run_object', resources: ofRun, levelOf: runLevel }),
  };
}

interface Family<Place> {
  readonly name: 'pipeline_object' | 'run_object';
  readonly resources: readonly ('namespaces' | 'pipelines' | 'runs' | 'objects')[];
  readonly levelOf: (place: Place) => Level;
}

function family<Place>(deps: ApiDeps, { name, resources, levelOf }: Family<Place>) {
  return {
    list: {
      operationId: `list_${name}s`,
      needs: { resources, action: 'read' },
      run: (place) => listObjects(deps, levelOf(place)),
    } satisfies Operation<Place, ObjectKey[]>,
    get: {
      operationId: `get_${name}`,
      needs: { resources, action: 'read' },
      run: (input) => getObject(deps, levelOf(input), input),
    } satisfies Operation<Place & ObjectRead, FoundObject>,
    put: {
      operationId: `put_${name}`,
      needs: { resources, action: 'write' },
      run: (input) => putObject(deps, levelOf(input), input),
    } satisfies Operation<Place & ObjectPut, ObjectKey>,
    delete: {
      operationId: `delete_${name}`,
      needs: { resources, action: 'delete' },
      run: (input) => deleteObject(deps, levelOf(input), input.key),
    } satisfies Operation<Place & { readonly key: string }, void>,
  };
}

/** Oldest first (spec 1.12). */
async function listObjects({ state }: ApiDeps, { scope }: Level): Promise<ObjectKey[]> {
  const records = await listRecords(state, keys.objectsOf(scope), objectKeyRecord);
  return records.sort((left, right) => left.created - right.created);
}

/** A missing object is 400 in version v0 of the API (spec 1.3). */
async function getObject({ state, objects }: ApiDeps, { scope }: Level, { key }: ObjectRead): Promise<FoundObject> {
  let missing = '';
  return retried(async () => {
    const found = await findRecord(state, keys.object(scope, key), objectKeyRecord);
    if (found === null) throw new AppError('invalid', 'Object not found');
    const record = found.value;
    if (record.blobName === missing)
      throw new AppError('internal', 'The bytes of this object are gone.', { detail: missing });
    if ((await objects.stat(record.blobName)) === null) {
      // An overwrite may have taken them away since the record was read; then there is another record by now.
      missing = record.blobName;
      return null;
    }
    return { record, open: (range) => objects.open(record.blobName, range === undefined ? {} : { range }) };
  });
}

async function putObject(deps: ApiDeps, level: Level, input: ObjectPut): Promise<ObjectKey> {
  const { state, objects, newId } = deps;
  checkKey(input.key);
  // Looked at before the bytes come in: nobody likes to send 50 GB for a "no".
  if ((await state.get(level.owner)) === null) throw notFound();
  const key = keys.object(level.scope, input.key);
  if (!input.force && (await state.get(key)) !== null) throw exists(input.key);
  const blobName = newBlobName({ scope: level.scope, key: input.key, id: newId() });
  const { size, sha256 } = await objects.put(blobName, input.body, { maxBytes: OBJECT_BYTES_MAX });
  const storedAt = performance.now();
  const { record, displaced } = await pointTo(deps, level, {
    key: input.key,
    force: input.force,
    size,
    sha256,
    blobName,
  });
  // What stays is found by the sweep: the object is stored, and nothing that follows may take it back.
  for (const name of displaced) await objects.delete(name).catch(() => undefined);
  if (performance.now() - storedAt > UNPOINTED_GRACE_MS / 2 && (await objects.stat(blobName)) === null) {
    throw new AppError('unavailable', 'The object was stored too slowly and is gone: put it again.');
  }
  return record;
}

/** On failure the bytes go again, unless the record may point to them: then the sweep finds out. */
async function pointTo(deps: ApiDeps, level: Level, given: Pointer): ReturnType<typeof point> {
  try {
    return await point(deps, level, given);
  } catch (error) {
    if (!mayBeWritten(error)) await deps.objects.delete(given.blobName).catch(() => undefined);
    throw error;
  }
}

function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > KEY_BYTES_MAX || key.includes('\0')) {
    throw new AppError('invalid', `key: expected 1 to ${KEY_BYTES_MAX} bytes without NUL.`);
  }
}

function exists(key: string): AppError {
  return new AppError('invalid', `Object ${key} exists already: use force=true to replace it.`);
}

interface Pointer {
  readonly key: string;
  readonly force: boolean;
  readonly size: number;
  readonly sha256: string;
  readonly blobName: string;
}

/** Lets the key's record point to the new blob. Returns the blobs that nothing points to any more. */
async function point({ state, now }: ApiDeps, level: Level, given: Pointer) {
  const { force, ...facts } = given;
  const key = keys.object(level.scope, given.key);
  return retried(async () => {
    const owner = await state.get(level.owner);
    if (owner === null) throw notFound();
    const found = await findRecord(state, key, objectKeyRecord);
    if (found !== null && !force) throw exists(given.key);
    const evicted = found === null ? await toEvict(state, level) : [];
    const modified = now();
    const record: ObjectKey = { ...facts, created: found?.value.created ?? modified, modified };
    const compares: Compare[] = [
      { target: 'create', key: level.owner, equals: owner.createRevision },
      { target: 'mod', key, equals: found?.kv.modRevision ?? 0 },
      ...evicted.map(({ kv }) => ({ target: 'mod', key: kv.key, equals: kv.modRevision }) as const),
    ];
    const writes: Write[] = [
      { op: 'put', key, value: objectKeyRecord.encode(record) },
      ...evicted.map(({ kv }) => ({ op: 'delete', key: kv.key }) as const),
    ];
    const { succeeded } = await state.commit({ compares, writes });
    if (!succeeded) return null;
    const displaced = evicted.map(({ value }) => value.blobName);
    return { record, displaced: found === null ? displaced : [...displaced, found.value.blobName] };
  });
}

/** The ring buffer of spec 7.3: a new key beyond the limit displaces what was added least recently. */
async function toEvict(state: ApiDeps['state'], { scope, limit }: Level) {
  if (limit === null) return [];
  const page = await state.range(keys.objectsOf(scope));
  const entries = page.kvs.map((kv: KeyValue) => ({ kv, value: objectKeyRecord.decode(kv.value) }));
  entries.sort(
    (left, right) => left.value.created - right.value.created || left.kv.createRevision - right.kv.createRevision,
  );
  return entries.slice(0, Math.max(0, entries.length - limit + 1));
}

async function deleteObject({ state, objects }: ApiDeps, { scope }: Level, key: string): Promise<void> {
  const blobName = await retried(async () => {
    const found = await findRecord(state, keys.object(scope, key), objectKeyRecord);
    if (found === null) throw notFound();
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: found.kv.key, equals: found.kv.modRevision }],
      writes: [{ op: 'delete', key: found.kv.key }],
    });
    return succeeded ? found.value.blobName : null;
  });
  await objects.delete(blobName);
}
