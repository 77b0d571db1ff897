// Taking a pipeline away with all that belongs to it (spec 15, 55). One transaction removes its own record and leaves a tombstone:
// from then on it is gone for everybody. What belonged to it follows in small steps; the tombstone goes last. Until then its
// name cannot be taken, so that nothing of the old pipeline is found in a new one. A crash on the way leaves the tombstone: the
// next start of a server, the next deletion, or the next registration under that name finishes the work.

import { keys, scopes } from '../../store/keys.ts';
import type { PipelineKey } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { objectKeyRecord, secretKeyRecord } from '../../store/records/blob-records.ts';
import { pipelineRecord } from '../../store/records/pipeline-records.ts';
import type { Compare, KeyRange, KeyValue, Write } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';
import { eventWrites } from './outbox.ts';
import { notFound } from './parse-place.ts';
import { eachKey, findRecord, retried } from './store-pages.ts';

/** etcd deletes a range of any size in one go, but everybody else waits for it. */
const STEP = 1_000;
/** Each of them is a call to another store. */
const BLOB_STEP = 50;

/** Throws conflict while a run of the pipeline is not over. */
export async function refuseOpenRuns({ state }: Pick<ApiDeps, 'state'>, pipeline: PipelineKey): Promise<void> {
  const { kvs } = await state.range(keys.openRunsOf(pipeline), { limit: 1, keysOnly: true });
  if (kvs.length === 0) return;
  throw new AppError('conflict', `Pipeline ${pipeline.pipelineId} has runs that are not over: cancel them first.`);
}

/** Throws not_found, or conflict while a run is not over. Deleting again what was half deleted finishes it. */
export async function deletePipeline(deps: ApiDeps, key: PipelineKey): Promise<void> {
  const { state, now } = deps;
  await retried(async () => {
    const found = await findRecord(state, keys.pipeline(key), pipelineRecord);
    // No run can have started unseen: each start moves this counter.
    const counter = await state.get(keys.runCounter(key));
    await refuseOpenRuns(deps, key);
    if (found === null) {
      if ((await state.get(keys.tombstone(key))) === null) throw notFound();
      return true;
    }
    const facts = { namespace_id: key.namespaceId, pipeline_id: key.pipelineId };
    const { succeeded } = await state.commit({
      compares: [
        { target: 'mod', key: found.kv.key, equals: found.kv.modRevision },
        { target: 'mod', key: keys.runCounter(key), equals: counter?.modRevision ?? 0 },
      ],
      writes: [
        { op: 'delete', key: found.kv.key },
        { op: 'put', key: keys.tombstone(key), value: pipelineRecord.encode(found.value) },
        ...eventWrites(deps, now(), [{ deleted_pipeline: facts }]),
      ],
    });
    return succeeded ? true : null;
  });
  await finishDeletion(deps, key);
}

/** Finishes what servers before this one left half done. */
export async function finishDeletions(deps: ApiDeps): Promise<void> {
  for await (const kv of eachKey(deps.state, keys.tombstones())) {
    await finishDeletion(deps, pipelineRecord.decode(kv.value));
  }
}

/** Removes what belonged to a deleted pipeline, then its tombstone. Does nothing without one. */
export async function finishDeletion(deps: ApiDeps, key: PipelineKey): Promise<void> {
  const tombstone = await deps.state.get(keys.tombstone(key));
  if (tombstone === null) return;
  try {
    await clear({ ...deps, key, tombstone });
  } catch (error) {
    if (!(error instanceof FinishedElsewhere)) throw error;
  }
}

async function clear(grave: Grave): Promise<void> {
  const { key } = grave;
  await deleteObjects(grave, keys.objectsOf(scopes.pipeline(key)));
  await deleteObjects(grave, keys.objectsOfRuns(key, Number.MAX_SAFE_INTEGER - 1));
  await deleteSecrets(grave);
  await deleteLogs(grave);
  for (const range of rangesOf(key)) await deleteRange(grave, range);
  await commitFenced(grave, [
    { op: 'delete', key: keys.retention(key) },
    { op: 'delete', key: keys.tombstone(key) },
  ]);
}

/** Another node was faster: what we came for is done. */
class FinishedElsewhere extends Error {}

interface Grave extends ApiDeps {
  readonly key: PipelineKey;
  readonly tombstone: KeyValue;
}

/** The run counter stays: attempt ids of a pipeline made anew must not repeat those of the old one. */
function rangesOf(key: PipelineKey): readonly KeyRange[] {
  return [
    keys.tasksOfPipeline(key),
    keys.runsOf(key),
    keys.deploymentsOf(key),
    keys.configsOf(key),
    keys.idempotenciesOf(key),
    keys.asksOf(key),
    keys.archivesOf(key),
  ];
}

/** Nothing is deleted once another node has finished: the name may belong to a new pipeline by then. */
async function commitFenced({ state, tombstone }: Grave, writes: readonly Write[]): Promise<void> {
  const fence: Compare = { target: 'create', key: tombstone.key, equals: tombstone.createRevision };
  const { succeeded } = await state.commit({ compares: [fence], writes });
  if (!succeeded) throw new FinishedElsewhere();
}

async function checkFence({ state, tombstone }: Grave): Promise<void> {
  const kv = await state.get(tombstone.key);
  if (kv?.createRevision !== tombstone.createRevision) throw new FinishedElsewhere();
}

async function deleteRange(grave: Grave, range: KeyRange): Promise<void> {
  for (;;) {
    const page = await grave.state.range(range, { limit: STEP, keysOnly: true });
    const last = page.kvs.at(-1);
    if (last === undefined) return;
    await commitFenced(grave, [{ op: 'delete_range', range: { start: range.start, end: `${last.key}\0` } }]);
  }
}

/** Blobs before their keys: without its key nobody would find a blob again. */
async function deleteObjects(grave: Grave, range: KeyRange): Promise<void> {
  await deleteWithBlobs(grave, range, ({ value }) => grave.objects.delete(objectKeyRecord.decode(value).blobName));
}

async function deleteSecrets(grave: Grave): Promise<void> {
  const range = keys.secretsOf(scopes.pipeline(grave.key));
  await deleteWithBlobs(grave, range, ({ value }) => grave.secrets.delete(secretKeyRecord.decode(value).secretName));
}

async function deleteWithBlobs(
  grave: Grave,
  range: KeyRange,
  deleteBlob: (kv: KeyValue) => Promise<void>,
): Promise<void> {
  for (;;) {
    const { kvs } = await grave.state.range(range, { limit: BLOB_STEP });
    if (kvs.length === 0) return;
    await checkFence(grave);
    for (const kv of kvs) await deleteBlob(kv);
    await commitFenced(
      grave,
      kvs.map(({ key }) => ({ op: 'delete', key })),
    );
  }
}

async function deleteLogs(grave: Grave): Promise<void> {
  await checkFence(grave);
  for await (const name of grave.objects.list(`logs/${grave.key.namespaceId}/${grave.key.pipelineId}/`)) {
    await grave.objects.delete(name);
  }
}
