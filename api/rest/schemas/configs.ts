// Wire forms of configs: what a user registers (spec 14.1), and what is shown of it.

import { Type } from 'typebox';
import { Int64, Timestamp, Uint64, component, mapOf, nullable, ref, words } from './common.ts';
import { Metadata, PipelineParams } from './pipelines.ts';

const Strings = Type.Array(Type.String());

export const RequiredParentStatus = component('RequiredParentStatus', words('unknown', 'any', 'success', 'failure'));
/** In requests the words begin with a capital. */
export const RequiredParentStatus2 = component('RequiredParentStatus2', words('Unknown', 'Any', 'Success', 'Failure'));

export const RegistryAuth = component('RegistryAuth', Type.Object({ pass: Type.String(), user: Type.String() }));
export const RegistryAuth2 = component('RegistryAuth2', Type.Object({ pass: Type.String(), user: Type.String() }));

export const VariableSource = component(
  'VariableSource',
  words('unknown', 'pipeline_config', 'system', 'run_options', 'extension'),
);
export const Variable = component(
  'Variable',
  Type.Object({ key: Type.String(), source: ref(VariableSource), value: Type.String() }),
);

/** Ours: how often a failed task is started again. */
export const Retries = component(
  'Retries',
  Type.Object({
    backoff_seconds: Type.Optional(Type.Number({ minimum: 0 })),
    limit: Uint64,
    max_backoff_seconds: Type.Optional(Type.Number({ minimum: 0 })),
    on_lost: Type.Optional(Type.Boolean()),
  }),
);

/** Ours: what a task may use; 0 = no limit. */
export const Resources = component(
  'Resources',
  Type.Object({ cpu_millicores: Type.Optional(Uint64), memory_mib: Type.Optional(Uint64) }),
);

export const Task = component(
  'Task',
  Type.Object({
    always_pull_newest_image: Type.Boolean(),
    command: Type.Optional(nullable(Strings)),
    depends_on: mapOf(ref(RequiredParentStatus)),
    description: Type.String(),
    entrypoint: Type.Optional(nullable(Strings)),
    id: Type.String(),
    image: Type.String(),
    inject_api_token: Type.Boolean(),
    registry_auth: Type.Optional(nullable(RegistryAuth)),
    resources: Type.Optional(ref(Resources)),
    retries: Type.Optional(ref(Retries)),
    timeout_seconds: Type.Optional(Type.Number()),
    variables: Type.Array(ref(Variable)),
  }),
);

export const ConfigState = component('ConfigState', words('unknown', 'unreleased', 'live', 'deprecated'));

export const Config = component(
  'Config',
  Type.Object({
    deprecated: Timestamp,
    description: Type.String(),
    name: Type.String(),
    namespace_id: Type.String(),
    parallelism: Uint64,
    pipeline_id: Type.String(),
    registered: Timestamp,
    state: ref(ConfigState),
    tasks: mapOf(ref(Task)),
    timeout_seconds: Type.Optional(Type.Number()),
    version: Uint64,
  }),
);

/** A task as a user writes it. Older clients omit the last properties, so what the original requires may be missing. */
export const Task2 = component(
  'Task2',
  Type.Object({
    always_pull_newest_image: Type.Optional(Type.Boolean()),
    command: Type.Optional(nullable(Strings)),
    depends_on: Type.Optional(mapOf(ref(RequiredParentStatus2))),
    description: Type.Optional(nullable(Type.String())),
    entrypoint: Type.Optional(nullable(Strings)),
    id: Type.String(),
    image: Type.String(),
    inject_api_token: Type.Optional(Type.Boolean()),
    registry_auth: Type.Optional(nullable(RegistryAuth2)),
    resources: Type.Optional(nullable(Resources)),
    retries: Type.Optional(nullable(Retries)),
    timeout_seconds: Type.Optional(nullable(Type.Number())),
    variables: Type.Optional(mapOf(Type.String())),
  }),
);

export const Pipeline = component(
  'Pipeline',
  Type.Object({
    description: Type.Optional(nullable(Type.String())),
    id: Type.String(),
    name: Type.String(),
    parallelism: Int64,
    tasks: Type.Array(ref(Task2)),
    timeout_seconds: Type.Optional(nullable(Type.Number())),
  }),
);
export const Pipeline2 = component('Pipeline2', Type.Object({ config: ref(Config), metadata: ref(Metadata) }));

export const RegisterPipelineConfigRequest = component(
  'RegisterPipelineConfigRequest',
  Type.Object({ config: ref(Pipeline) }),
);
export const RegisterPipelineConfigResponse = component(
  'RegisterPipelineConfigResponse',
  Type.Object({ pipeline: ref(Pipeline2) }),
);
export const GetPipelineConfigResponse = component('GetPipelineConfigResponse', Type.Object({ config: ref(Config) }));
export const ListPipelineConfigsResponse = component(
  'ListPipelineConfigsResponse',
  Type.Object({ configs: Type.Array(ref(Config)) }),
);

export const ConfigParams = Type.Object({ ...PipelineParams.properties, version: Int64 });
