// Taking a pipeline away with all that belongs to it (spec 15, 55). First it is disabled, so that no run starts; then everything
// below it goes, in steps that may be repeated; its own record goes last: a crash in between leaves a pipeline to delete again.

import { keys, scopes } from '../../store/keys.ts';
import type { PipelineKey } from '../../store/keys.ts';
import type { Pipeline } from '../../store/model/config.ts';
import { AppError } from '../../store/model/errors.ts';
import { objectKeyRecord, secretKeyRecord } from '../../store/records/blob-records.ts';
import { outboxRecord } from '../../store/records/event-records.ts';
import { pipelineRecord } from '../../store/records/pipeline-records.ts';
import type { KeyRange } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';
import { eachKey, findRecord } from './store-pages.ts';

/** Throws conflict while a run of the pipeline is not over. */
export async function refuseOpenRuns({ state }: Pick<ApiDeps, 'state'>, pipeline: PipelineKey): Promise<void> {
  const { kvs } = await state.range(keys.openRunsOf(pipeline), { limit: 1, keysOnly: true });
  if (kvs.length === 0) return;
  throw new AppError('conflict', `Pipeline ${pipeline.pipelineId} has runs that are not over: cancel them first.`);
}

export async function deletePipelineData(deps: ApiDeps, pipeline: Pipeline): Promise<void> {
  const { state, now, newId } = deps;
  await disable(deps, pipeline);
  await refuseOpenRuns(deps, pipeline);
  await deleteSecrets(deps, pipeline);
  await deleteObjects(deps, keys.objectsOf(scopes.pipeline(pipeline)));
  await deleteObjects(deps, keys.objectsOfRuns(pipeline, Number.MAX_SAFE_INTEGER - 1));
  for await (const name of deps.objects.list(`logs/${pipeline.namespaceId}/${pipeline.pipelineId}/`)) {
    await deps.objects.delete(name);
  }
  for (const range of rangesOf(pipeline)) await deleteRange(deps, range);
  const namespace_id = pipeline.namespaceId;
  const event = { emitted: now(), kind: { deleted_pipeline: { namespace_id, pipeline_id: pipeline.pipelineId } } };
  await state.commit({
    compares: [],
    writes: [
      { op: 'delete', key: keys.pipeline(pipeline) },
      { op: 'delete', key: keys.retention(pipeline) },
      { op: 'put', key: keys.outbox(newId()), value: outboxRecord.encode(event) },
    ],
  });
}

async function disable({ state, now }: ApiDeps, pipeline: PipelineKey): Promise<void> {
  const found = await findRecord(state, keys.pipeline(pipeline), pipelineRecord);
  if (found === null || found.value.state === 'disabled') return;
  const { succeeded } = await state.commit({
    compares: [{ target: 'mod', key: found.kv.key, equals: found.kv.modRevision }],
    writes: [
      {
        op: 'put',
        key: found.kv.key,
        value: pipelineRecord.encode({ ...found.value, state: 'disabled', modified: now() }),
      },
    ],
  });
  if (!succeeded) throw new AppError('conflict', 'The pipeline was changed at the same time: try again.');
}

/** The run counter stays: attempt ids of a pipeline made anew must not repeat those of the old one. */
function rangesOf(pipeline: PipelineKey): readonly KeyRange[] {
  return [
    keys.tasksOfPipeline(pipeline),
    keys.runsOf(pipeline),
    keys.deploymentsOf(pipeline),
    keys.configsOf(pipeline),
    keys.idempotenciesOf(pipeline),
  ];
}

async function deleteSecrets({ state, secrets }: ApiDeps, pipeline: PipelineKey): Promise<void> {
  for await (const kv of eachKey(state, keys.secretsOf(scopes.pipeline(pipeline)))) {
    await state.commit({ compares: [], writes: [{ op: 'delete', key: kv.key }] });
    await secrets.delete(secretKeyRecord.decode(kv.value).secretName);
  }
}

async function deleteObjects({ state, objects }: ApiDeps, range: KeyRange): Promise<void> {
  for await (const kv of eachKey(state, range)) {
    await state.commit({ compares: [], writes: [{ op: 'delete', key: kv.key }] });
    await objects.delete(objectKeyRecord.decode(kv.value).blobName);
  }
}

/** In steps: etcd deletes a range of any size in one go, but everybody else waits for it. */
const STEP = 1_000;

async function deleteRange({ state }: ApiDeps, range: KeyRange): Promise<void> {
  for (;;) {
    const page = await state.range(range, { limit: STEP, keysOnly: true });
    const last = page.kvs.at(-1);
    if (last === undefined) return;
    await state.commit({
      compares: [],
      writes: [{ op: 'delete_range', range: { start: range.start, end: `${last.key}\0` } }],
    });
    if (!page.more) return;
  }
}
