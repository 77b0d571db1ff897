// Routes of the service itself.

import type { Rest, RestApp } from '../app.ts';
import { answers, ref } from '../schemas/common.ts';
import * as schemas from '../schemas/system.ts';
import { wirePreferences } from '../wire/system.ts';

const TAGS = ['System'];

export function systemRoutes(app: RestApp, { operations: { system }, call }: Rest): void {
  app.get(
    '/api/system/metadata',
    {
      schema: {
        operationId: 'get_system_metadata',
        summary: 'Version of the server; also used as a health check.',
        tags: TAGS,
        response: answers({ 200: ref(schemas.GetSystemMetadataResponse) }),
      },
    },
    (request) => call(system.getMetadata, request, undefined),
  );

  app.get(
    '/api/system',
    {
      schema: {
        operationId: 'get_system_preferences',
        summary: 'Get the preferences of the service.',
        tags: TAGS,
        response: answers({ 200: ref(schemas.GetSystemPreferencesResponse) }),
      },
    },
    async (request) => wirePreferences(await call(system.getPreferences, request, undefined)),
  );

  app.patch(
    '/api/system',
    {
      schema: {
        operationId: 'update_system_preferences',
        summary: 'Change the preferences of the service.',
        tags: TAGS,
        body: ref(schemas.UpdateSystemPreferencesRequest),
        response: answers({ 200: ref(schemas.UpdateSystemPreferencesResponse) }),
      },
    },
    async (request) => {
      const { ignore_pipeline_run_events = null } = request.body;
      await call(system.updatePreferences, request, { ignorePipelineRunEvents: ignore_pipeline_run_events });
      return {};
    },
  );
}
