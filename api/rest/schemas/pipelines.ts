// Wire forms of pipelines.

import { Type } from 'typebox';
import { NamespaceParams } from './namespaces.ts';
import { Timestamp, Uint64, component, nullable, ref, words } from './common.ts';

export const PipelineState = component('PipelineState', words('unknown', 'active', 'disabled'));

export const Metadata = component(
  'Metadata',
  Type.Object({
    created: Timestamp,
    /** Ours: the version that new runs use; 0 = none was deployed. */
    live_version: Type.Optional(Uint64),
    modified: Timestamp,
    namespace_id: Type.String(),
    pipeline_id: Type.String(),
    state: ref(PipelineState),
  }),
);

export const UpdatePipelineRequest = component(
  'UpdatePipelineRequest',
  Type.Object({ state: Type.Optional(nullable(PipelineState)) }),
);
export const GetPipelineResponse = component('GetPipelineResponse', Type.Object({ pipeline: ref(Metadata) }));
export const ListPipelinesResponse = component(
  'ListPipelinesResponse',
  Type.Object({ pipelines: Type.Array(ref(Metadata)) }),
);

export const PipelineParams = Type.Object({ ...NamespaceParams.properties, pipeline_id: Type.String() });
