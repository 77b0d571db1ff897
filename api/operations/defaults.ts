// What has to exist before anything else: the installation's own id, the preferences, and namespace `default` (spec 3.1). Made by
// whichever node comes first.

import { keys } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { parseNamespaceId } from '../../store/model/ids.ts';
import { namespaceRecord } from '../../store/records/pipeline-records.ts';
import { installationRecord, preferencesRecord } from '../../store/records/system-records.ts';
import type { Installation } from '../../store/records/system-records.ts';
import type { ApiDeps } from './deps.ts';
import { eventWrites } from './outbox.ts';

type DefaultsDeps = Pick<ApiDeps, 'state' | 'now' | 'newId'>;

/** Returns the installation, made now or long ago. Repeatable, on any number of nodes at once. */
export async function ensureDefaults(deps: DefaultsDeps): Promise<Installation> {
  const { state, now, newId } = deps;
  const installation = installationRecord.encode({ installationId: newId(), created: now() });
  const preferences = preferencesRecord.encode({ ignorePipelineRunEvents: false, bootstrapTokenCreated: false });
  await state.commit({
    compares: [{ target: 'create', key: keys.meta(), equals: 0 }],
    writes: [
      { op: 'put', key: keys.meta(), value: installation },
      { op: 'put', key: keys.preferences(), value: preferences },
    ],
  });
  await ensureDefaultNamespace(deps);
  const kv = await state.get(keys.meta());
  if (kv === null) throw new AppError('internal', 'The installation record is missing.', { detail: keys.meta() });
  return installationRecord.decode(kv.value);
}

/** At every start, since it may be deleted like any other. */
async function ensureDefaultNamespace({ state, now, newId }: DefaultsDeps): Promise<void> {
  const namespaceId = parseNamespaceId('default');
  const created = now();
  const value = namespaceRecord.encode({
    namespaceId,
    name: 'Default',
    description: 'The namespace that is used when none is named.',
    created,
    modified: 0,
  });
  await state.commit({
    compares: [{ target: 'create', key: keys.namespace(namespaceId), equals: 0 }],
    writes: [
      { op: 'put', key: keys.namespace(namespaceId), value },
      ...eventWrites({ newId }, created, [{ created_namespace: { namespace_id: namespaceId } }]),
    ],
  });
}
