// Namespaces (spec 3.1). `default` is made at every start; deleting a namespace takes everything below it along.

import { keys } from '../../store/keys.ts';
import type { Namespace } from '../../store/model/config.ts';
import { AppError } from '../../store/model/errors.ts';
import { parseNamespaceId } from '../../store/model/ids.ts';
import * as limits from '../../store/model/limits.ts';
import { namespaceRecord, pipelineRecord } from '../../store/records/pipeline-records.ts';
import type { ApiDeps } from './deps.ts';
import type { Needs, Operation } from './operation.ts';
import { eventWrites } from './outbox.ts';
import { namespaceOf } from './parse-place.ts';
import type { NamespacePlace } from './parse-place.ts';
import { deletePipeline, refuseOpenRuns } from './pipeline-deletion.ts';
import { listRecords, needRecord, retried } from './store-pages.ts';

export interface NamespaceTexts {
  readonly name?: string | null | undefined;
  readonly description?: string | null | undefined;
}
export interface NewNamespace {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

const READ: Needs = { resources: ['namespaces'], action: 'read' };
const WRITE: Needs = { resources: ['namespaces'], action: 'write', adminOnly: true };
const DELETE: Needs = { resources: ['namespaces'], action: 'delete', adminOnly: true };

export function createNamespaceOperations(deps: ApiDeps) {
  const { state } = deps;
  return {
    listNamespaces: {
      operationId: 'list_namespaces',
      needs: READ,
      run: () => listRecords(state, keys.namespaces(), namespaceRecord),
    } satisfies Operation<void, Namespace[]>,

    createNamespace: {
      operationId: 'create_namespace',
      needs: WRITE,
      run: (input) => createNamespace(deps, input),
    } satisfies Operation<NewNamespace, Namespace>,

    getNamespace: {
      operationId: 'get_namespace',
      needs: READ,
      run: async (input) => (await needRecord(state, keys.namespace(namespaceOf(input)), namespaceRecord)).value,
    } satisfies Operation<NamespacePlace, Namespace>,

    updateNamespace: {
      operationId: 'update_namespace',
      needs: WRITE,
      run: (input) => updateNamespace(deps, input),
    } satisfies Operation<NamespacePlace & NamespaceTexts, Namespace>,

    deleteNamespace: {
      operationId: 'delete_namespace',
      needs: DELETE,
      run: (input) => deleteNamespace(deps, input),
    } satisfies Operation<NamespacePlace, void>,
  };
}

function checkTexts({ name, description }: NamespaceTexts): void {
  if (Buffer.byteLength(name ?? '') > limits.NAME_BYTES_MAX) {
    throw new AppError('invalid', `name: expected at most ${limits.NAME_BYTES_MAX} bytes.`);
  }
  if (Buffer.byteLength(description ?? '') > limits.DESCRIPTION_BYTES_MAX) {
    throw new AppError('invalid', `description: expected at most ${limits.DESCRIPTION_BYTES_MAX} bytes.`);
  }
}

async function createNamespace(deps: ApiDeps, input: NewNamespace): Promise<Namespace> {
  const namespaceId = parseNamespaceId(input.id, 'id');
  checkTexts(input);
  const { name, description } = input;
  const namespace: Namespace = { namespaceId, name, description, created: deps.now(), modified: 0 };
  const { succeeded } = await deps.state.commit({
    compares: [{ target: 'create', key: keys.namespace(namespaceId), equals: 0 }],
    writes: [
      { op: 'put', key: keys.namespace(namespaceId), value: namespaceRecord.encode(namespace) },
      ...eventWrites(deps, namespace.created, [{ created_namespace: { namespace_id: namespaceId } }]),
    ],
  });
  if (!succeeded) throw new AppError('conflict', `Namespace ${namespaceId} exists already.`);
  return namespace;
}

async function updateNamespace({ state, now }: ApiDeps, input: NamespacePlace & NamespaceTexts): Promise<Namespace> {
  const name = input.name ?? null;
  const description = input.description ?? null;
  if (name === null && description === null) {
    throw new AppError('invalid', 'Nothing to change: give name, description or both.');
  }
  checkTexts(input);
  return retried(async () => {
    const { value, kv } = await needRecord(state, keys.namespace(namespaceOf(input)), namespaceRecord);
    const changed: Namespace = {
      ...value,
      name: name ?? value.name,
      description: description ?? value.description,
      modified: now(),
    };
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [{ op: 'put', key: kv.key, value: namespaceRecord.encode(changed) }],
    });
    return succeeded ? changed : null;
  });
}

/**
 * Its own record goes last, and only if no pipeline has come since we listed them: the first registration of a pipeline writes its
 * namespace's record again. A crash on the way leaves a namespace with fewer pipelines, to be deleted again.
 */
async function deleteNamespace(deps: ApiDeps, input: NamespacePlace): Promise<void> {
  const { state, now } = deps;
  const namespaceId = namespaceOf(input);
  await retried(async () => {
    const { kv } = await needRecord(state, keys.namespace(namespaceId), namespaceRecord);
    const pipelines = await listRecords(state, keys.pipelinesOf(namespaceId), pipelineRecord);
    for (const pipeline of pipelines) await refuseOpenRuns(deps, pipeline);
    for (const pipeline of pipelines) await deletePipeline(deps, pipeline);
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [
        { op: 'delete', key: kv.key },
        ...eventWrites(deps, now(), [{ deleted_namespace: { namespace_id: namespaceId } }]),
      ],
    });
    return succeeded ? true : null;
  });
}
