// Namespaces (spec 3.1). `default` is made at every start; deleting a namespace takes everything below it along.

import { keys } from '../../store/keys.ts';
import type { Namespace } from '../../store/model/config.ts';
import { AppError } from '../../store/model/errors.ts';
import type { EventKind } from '../../store/model/event.ts';
import { parseNamespaceId } from '../../store/model/ids.ts';
import type { NamespaceId } from '../../store/model/ids.ts';
import * as limits from '../../store/model/limits.ts';
import { outboxRecord } from '../../store/records/event-records.ts';
import { namespaceRecord, pipelineRecord } from '../../store/records/pipeline-records.ts';
import type { Write } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation } from './operation.ts';
import { deletePipelineData, refuseOpenRuns } from './pipeline-deletion.ts';
import { findRecord, listRecords, needRecord, retried } from './store-pages.ts';

export interface NamespaceInput {
  readonly namespaceId: string;
}
export interface NamespaceTexts {
  readonly name?: string | null | undefined;
  readonly description?: string | null | undefined;
}

export function createNamespaceOperations(deps: ApiDeps) {
  const { state } = deps;
  const read = { resources: ['namespaces'], action: 'read' } as const;
  const write = { resources: ['namespaces'], action: 'write', adminOnly: true } as const;

  return {
    listNamespaces: {
      operationId: 'list_namespaces',
      needs: read,
      run: () => listRecords(state, keys.namespaces(), namespaceRecord),
    } satisfies Operation<void, Namespace[]>,

    createNamespace: {
      operationId: 'create_namespace',
      needs: write,
      run: (input) => createNamespace(deps, input),
    } satisfies Operation<{ readonly id: string; readonly name: string; readonly description: string }, Namespace>,

    getNamespace: {
      operationId: 'get_namespace',
      needs: read,
      run: async ({ namespaceId }) => (await needRecord(state, keyOf(namespaceId), namespaceRecord)).value,
    } satisfies Operation<NamespaceInput, Namespace>,

    updateNamespace: {
      operationId: 'update_namespace',
      needs: write,
      run: (input) => updateNamespace(deps, input),
    } satisfies Operation<NamespaceInput & NamespaceTexts, Namespace>,

    deleteNamespace: {
      operationId: 'delete_namespace',
      needs: { ...write, action: 'delete' },
      run: ({ namespaceId }) => deleteNamespace(deps, namespaceId),
    } satisfies Operation<NamespaceInput, void>,
  };
}

/** The id in a path is not checked for its form: one that cannot exist is simply not found. */
function keyOf(namespaceId: string): string {
  return keys.namespace(namespaceId as NamespaceId);
}

function checkTexts({ name, description }: NamespaceTexts): void {
  if (Buffer.byteLength(name ?? '') > limits.NAME_BYTES_MAX) {
    throw new AppError('invalid', `name: expected at most ${limits.NAME_BYTES_MAX} bytes.`);
  }
  if (Buffer.byteLength(description ?? '') > limits.DESCRIPTION_BYTES_MAX) {
    throw new AppError('invalid', `description: expected at most ${limits.DESCRIPTION_BYTES_MAX} bytes.`);
  }
}

async function createNamespace(
  { state, now, newId }: ApiDeps,
  input: { readonly id: string; readonly name: string; readonly description: string },
): Promise<Namespace> {
  const namespaceId = parseNamespaceId(input.id, 'id');
  checkTexts(input);
  const namespace: Namespace = {
    namespaceId,
    name: input.name,
    description: input.description,
    created: now(),
    modified: 0,
  };
  const { succeeded } = await state.commit({
    compares: [{ target: 'create', key: keys.namespace(namespaceId), equals: 0 }],
    writes: [
      { op: 'put', key: keys.namespace(namespaceId), value: namespaceRecord.encode(namespace) },
      eventWrite(newId(), namespace.created, { created_namespace: { namespace_id: namespaceId } }),
    ],
  });
  if (!succeeded) throw new AppError('conflict', `Namespace ${namespaceId} exists already.`);
  return namespace;
}

async function updateNamespace({ state, now }: ApiDeps, input: NamespaceInput & NamespaceTexts): Promise<Namespace> {
  const { name, description } = input;
  if ((name ?? null) === null && (description ?? null) === null) {
    throw new AppError('invalid', 'Nothing to change: give name, description or both.');
  }
  checkTexts(input);
  return retried(async () => {
    const { value, kv } = await needRecord(state, keyOf(input.namespaceId), namespaceRecord);
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

async function deleteNamespace(deps: ApiDeps, id: string): Promise<void> {
  const { state, now, newId } = deps;
  const namespaceId = id as NamespaceId;
  await needRecord(state, keyOf(id), namespaceRecord);
  const pipelines = await listRecords(state, keys.pipelinesOf(namespaceId), pipelineRecord);
  for (const pipeline of pipelines) await refuseOpenRuns(deps, pipeline);
  for (const pipeline of pipelines) await deletePipelineData(deps, pipeline);
  const found = await findRecord(state, keyOf(id), namespaceRecord);
  if (found === null) return;
  await state.commit({
    compares: [{ target: 'mod', key: found.kv.key, equals: found.kv.modRevision }],
    writes: [
      { op: 'delete', key: found.kv.key },
      eventWrite(newId(), now(), { deleted_namespace: { namespace_id: namespaceId } }),
    ],
  });
}

/** An event to be put in order by the leader. */
export function eventWrite(id: string, emitted: number, kind: EventKind): Write {
  return { op: 'put', key: keys.outbox(id), value: outboxRecord.encode({ emitted, kind }) };
}
