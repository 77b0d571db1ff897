// What has to exist before anything else: the installation's own id, the preferences, and namespace `default` (spec 3.1). Made at
// each start if it is missing, by whichever node comes first.

import { keys } from '../../store/keys.ts';
import type { NamespaceId } from '../../store/model/ids.ts';
import { outboxRecord } from '../../store/records/event-records.ts';
import { namespaceRecord } from '../../store/records/pipeline-records.ts';
import { installationRecord, preferencesRecord } from '../../store/records/system-records.ts';
import type { Installation } from '../../store/records/system-records.ts';
import type { Write } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';

const DEFAULT_NAMESPACE = 'default' as NamespaceId;

type DefaultsDeps = Pick<ApiDeps, 'state' | 'now' | 'newId'>;

/** Returns the installation, made now or long ago. Repeatable. */
export async function ensureDefaults({ state, now, newId }: DefaultsDeps): Promise<Installation> {
  const created = now();
  await createOnce(state, keys.meta(), [
    put(keys.meta(), installationRecord.encode({ installationId: newId(), created })),
  ]);
  const preferences = preferencesRecord.encode({ ignorePipelineRunEvents: false, bootstrapTokenCreated: false });
  await createOnce(state, keys.preferences(), [put(keys.preferences(), preferences)]);
  const namespace = {
    namespaceId: DEFAULT_NAMESPACE,
    name: 'Default',
    description: 'The namespace that is used when none is named.',
    created,
    modified: 0,
  };
  await createOnce(state, keys.namespace(DEFAULT_NAMESPACE), [
    put(keys.namespace(DEFAULT_NAMESPACE), namespaceRecord.encode(namespace)),
    put(
      keys.outbox(newId()),
      outboxRecord.encode({ emitted: created, kind: { created_namespace: { namespace_id: DEFAULT_NAMESPACE } } }),
    ),
  ]);
  const kv = await state.get(keys.meta());
  return installationRecord.decode(kv?.value ?? '');
}

function put(key: string, value: string): Write {
  return { op: 'put', key, value };
}

async function createOnce(state: DefaultsDeps['state'], key: string, writes: readonly Write[]): Promise<void> {
  await state.commit({ compares: [{ target: 'create', key, equals: 0 }], writes });
}
