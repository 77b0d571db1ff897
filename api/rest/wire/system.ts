// From the model to the wire: what there is once in an installation. Pure.

import type { Static } from 'typebox';
import type { GetSystemPreferencesResponse } from '../schemas/system.ts';

interface Preferences {
  readonly ignorePipelineRunEvents: boolean;
  readonly bootstrapTokenCreated: boolean;
}

export function wirePreferences(preferences: Preferences): Static<typeof GetSystemPreferencesResponse> {
  return {
    bootstrap_token_created: preferences.bootstrapTokenCreated,
    ignore_pipeline_run_events: preferences.ignorePipelineRunEvents,
  };
}
