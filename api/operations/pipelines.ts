// Pipelines (spec 3.1): what is known of them besides their configs.

import { keys } from '../../store/keys.ts';
import type { Pipeline } from '../../store/model/config.ts';
import { AppError } from '../../store/model/errors.ts';
import { pipelineRecord } from '../../store/records/pipeline-records.ts';
import type { ApiDeps } from './deps.ts';
import type { Needs, Operation } from './operation.ts';
import { eventWrites } from './outbox.ts';
import { canExist, namespaceOf, pipelineOf } from './parse-place.ts';
import type { NamespacePlace, PipelinePlace } from './parse-place.ts';
import { deletePipeline } from './pipeline-deletion.ts';
import { listRecords, needRecord, retried } from './store-pages.ts';

export interface PipelineChange extends PipelinePlace {
  /** Null = nothing is to change. */
  readonly state: string | null;
}

const READ: Needs = { resources: ['namespaces', 'pipelines'], action: 'read', anonymous: true };

export function createPipelineOperations(deps: ApiDeps) {
  const { state } = deps;
  return {
    listPipelines: {
      operationId: 'list_pipelines',
      needs: READ,
      run: async (input) =>
        canExist(input) ? listRecords(state, keys.pipelinesOf(namespaceOf(input)), pipelineRecord) : [],
    } satisfies Operation<NamespacePlace, Pipeline[]>,

    getPipeline: {
      operationId: 'get_pipeline',
      needs: READ,
      run: async (input) => (await needRecord(state, keys.pipeline(pipelineOf(input)), pipelineRecord)).value,
    } satisfies Operation<PipelinePlace, Pipeline>,

    updatePipeline: {
      operationId: 'update_pipeline',
      needs: { resources: ['namespaces', 'pipelines'], action: 'write' },
      run: (input) => updatePipeline(deps, input),
    } satisfies Operation<PipelineChange, void>,

    deletePipeline: {
      operationId: 'delete_pipeline',
      needs: { resources: ['namespaces', 'pipelines'], action: 'delete' },
      run: async (input) => deletePipeline(deps, pipelineOf(input)),
    } satisfies Operation<PipelinePlace, void>,
  };
}

/** To be what it is already is no change: nothing is written and no event is emitted. */
async function updatePipeline(deps: ApiDeps, input: PipelineChange): Promise<void> {
  const { state, now } = deps;
  const wanted = input.state;
  if (wanted === null) throw new AppError('invalid', 'Nothing to change: give state.');
  if (wanted !== 'active' && wanted !== 'disabled') {
    throw new AppError('invalid', 'state: expected "active" or "disabled".');
  }
  await retried(async () => {
    const { value, kv } = await needRecord(state, keys.pipeline(pipelineOf(input)), pipelineRecord);
    if (value.state === wanted) return value;
    const changed: Pipeline = { ...value, state: wanted, modified: now() };
    const facts = { namespace_id: value.namespaceId, pipeline_id: value.pipelineId };
    const kind = wanted === 'active' ? { enabled_pipeline: facts } : { disabled_pipeline: facts };
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [
        { op: 'put', key: kv.key, value: pipelineRecord.encode(changed) },
        ...eventWrites(deps, changed.modified, [kind]),
      ],
    });
    return succeeded ? changed : null;
  });
}
