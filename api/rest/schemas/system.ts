// Wire forms of what there is once in an installation.

import { Type } from 'typebox';
import { component, nullable } from './common.ts';

export const GetSystemMetadataResponse = component(
  'GetSystemMetadataResponse',
  Type.Object({ commit: Type.String(), semver: Type.String() }),
);
export const GetSystemPreferencesResponse = component(
  'GetSystemPreferencesResponse',
  Type.Object({ bootstrap_token_created: Type.Boolean(), ignore_pipeline_run_events: Type.Boolean() }),
);
export const UpdateSystemPreferencesRequest = component(
  'UpdateSystemPreferencesRequest',
  Type.Object({ ignore_pipeline_run_events: Type.Optional(nullable(Type.Boolean())) }),
);
export const UpdateSystemPreferencesResponse = component('UpdateSystemPreferencesResponse', Type.Object({}));
