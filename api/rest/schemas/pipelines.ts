// Namespaces, pipelines, configs and deployments on the wire (schemas of the original's OpenAPI document).

import { Type } from 'typebox';
import { Nullable, StringMap, Uint64, words } from './common.ts';

export const Namespace = Type.Object(
  { id: Type.String(), name: Type.String(), description: Type.String(), created: Uint64, modified: Uint64 },
  { title: 'Namespace' },
);

export const Metadata = Type.Object(
  {
    namespace_id: Type.String(),
    pipeline_id: Type.String(),
    state: words('unknown', 'active', 'disabled'),
    created: Uint64,
    modified: Uint64,
    /** Ours: the version that new runs use, 0 = none. */
    live_version: Type.Optional(Uint64),
  },
  { title: 'Metadata' },
);

export const Variable = Type.Object(
  {
    key: Type.String(),
    value: Type.String(),
    source: words('unknown', 'pipeline_config', 'system', 'run_options', 'extension'),
  },
  { title: 'Variable' },
);

export const RegistryAuth = Type.Object({ user: Type.String(), pass: Type.String() }, { title: 'RegistryAuth' });

const Retries = Type.Object(
  {
    limit: Type.Integer({ minimum: 0 }),
    backoff_seconds: Type.Optional(Type.Number({ minimum: 0 })),
    max_backoff_seconds: Type.Optional(Type.Number({ minimum: 0 })),
    on_lost: Type.Optional(Type.Boolean()),
  },
  { title: 'Retries' },
);

const Resources = Type.Object(
  {
    cpu_millicores: Type.Optional(Type.Integer({ minimum: 0 })),
    memory_mib: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { title: 'Resources' },
);

export const Task = Type.Object(
  {
    id: Type.String(),
    description: Type.String(),
    image: Type.String(),
    registry_auth: Type.Optional(Nullable(RegistryAuth)),
    depends_on: Type.Record(Type.String(), words('unknown', 'any', 'success', 'failure')),
    variables: Type.Array(Variable),
    entrypoint: Type.Optional(Nullable(Type.Array(Type.String()))),
    command: Type.Optional(Nullable(Type.Array(Type.String()))),
    inject_api_token: Type.Boolean(),
    always_pull_newest_image: Type.Boolean(),
    retries: Type.Optional(Retries),
    timeout_seconds: Type.Optional(Type.Number()),
    resources: Type.Optional(Resources),
  },
  { title: 'Task' },
);

/** A task as a user writes it: dependency values in PascalCase, variables as a map. */
const UserTask = Type.Object(
  {
    id: Type.String(),
    description: Type.Optional(Nullable(Type.String())),
    image: Type.String(),
    registry_auth: Type.Optional(Nullable(RegistryAuth)),
    depends_on: Type.Optional(Type.Record(Type.String(), words('Unknown', 'Any', 'Success', 'Failure'))),
    variables: Type.Optional(StringMap),
    entrypoint: Type.Optional(Nullable(Type.Array(Type.String()))),
    command: Type.Optional(Nullable(Type.Array(Type.String()))),
    inject_api_token: Type.Optional(Type.Boolean()),
    always_pull_newest_image: Type.Optional(Type.Boolean()),
    retries: Type.Optional(Nullable(Retries)),
    timeout_seconds: Type.Optional(Nullable(Type.Number())),
    resources: Type.Optional(Nullable(Resources)),
  },
  { title: 'UserTask' },
);

export const UserPipeline = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    description: Type.Optional(Nullable(Type.String())),
    parallelism: Type.Integer(),
    timeout_seconds: Type.Optional(Nullable(Type.Number())),
    tasks: Type.Array(UserTask),
  },
  { title: 'UserPipeline' },
);

export const Config = Type.Object(
  {
    namespace_id: Type.String(),
    pipeline_id: Type.String(),
    version: Uint64,
    name: Type.String(),
    description: Type.String(),
    parallelism: Uint64,
    timeout_seconds: Type.Optional(Type.Number()),
    tasks: Type.Record(Type.String(), Task),
    state: words('unknown', 'unreleased', 'live', 'deprecated'),
    registered: Uint64,
    deprecated: Uint64,
  },
  { title: 'Config' },
);

export const Deployment = Type.Object(
  {
    namespace_id: Type.String(),
    pipeline_id: Type.String(),
    deployment_id: Uint64,
    start_version: Uint64,
    end_version: Uint64,
    started: Uint64,
    ended: Uint64,
    state: words('Unknown', 'Running', 'Complete'),
    status: words('Unknown', 'Failed', 'Successful'),
    status_reason: Nullable(Type.Object({ reason: words('Unknown'), description: Type.String() })),
    logs: Type.Array(Type.Unknown()),
  },
  { title: 'Deployment' },
);
