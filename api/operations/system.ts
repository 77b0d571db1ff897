// The service itself (spec 12): what it is, and the switch that pauses all starts of runs.

import { keys } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { preferencesRecord } from '../../store/records/system-records.ts';
import type { Preferences } from '../../store/records/system-records.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation } from './operation.ts';
import { findRecord, retried } from './store-pages.ts';

export interface Metadata {
  readonly commit: string;
  readonly semver: string;
}

export const NO_PREFERENCES: Preferences = { ignorePipelineRunEvents: false, bootstrapTokenCreated: false };

export function createSystemOperations(deps: ApiDeps) {
  const { state, settings } = deps;
  return {
    getMetadata: {
      operationId: 'get_system_metadata',
      needs: { resources: [], action: 'read', open: true },
      run: () => Promise.resolve({ commit: settings.commit, semver: settings.version }),
    } satisfies Operation<void, Metadata>,

    getPreferences: {
      operationId: 'get_system_preferences',
      needs: { resources: ['system'], action: 'read', adminOnly: true },
      run: async () => (await findRecord(state, keys.preferences(), preferencesRecord))?.value ?? NO_PREFERENCES,
    } satisfies Operation<void, Preferences>,

    updatePreferences: {
      operationId: 'update_system_preferences',
      needs: { resources: ['system'], action: 'write', adminOnly: true },
      run: (input) => updatePreferences(deps, input),
    } satisfies Operation<{ readonly ignorePipelineRunEvents: boolean | null }, void>,
  };
}

async function updatePreferences(
  { state }: ApiDeps,
  { ignorePipelineRunEvents }: { readonly ignorePipelineRunEvents: boolean | null },
): Promise<void> {
  if (ignorePipelineRunEvents === null) {
    throw new AppError('invalid', 'Nothing to change: give ignore_pipeline_run_events.');
  }
  await retried(async () => {
    const found = await findRecord(state, keys.preferences(), preferencesRecord);
    const value = preferencesRecord.encode({ ...(found?.value ?? NO_PREFERENCES), ignorePipelineRunEvents });
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: keys.preferences(), equals: found?.kv.modRevision ?? 0 }],
      writes: [{ op: 'put', key: keys.preferences(), value }],
    });
    return succeeded ? true : null;
  });
}
