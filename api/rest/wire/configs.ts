// From the model to the wire: configs. Pure.

import type { Static } from 'typebox';
import type { PipelineConfig, RegistryAuth, TaskSpec } from '../../../store/model/config.ts';
import type { RegisteredConfig } from '../../operations/configs.ts';
import type * as schema from '../schemas/configs.ts';
import { wirePipeline } from './pipelines.ts';

/** Credentials go in and never come out again (spec 15, 52). */
const REDACTED = '[redacted]';

export function wireRegistered({ pipeline, config }: RegisteredConfig): Static<typeof schema.Pipeline2> {
  return { metadata: wirePipeline(pipeline), config: wireConfig(config) };
}

export function wireConfig(config: PipelineConfig): Static<typeof schema.Config> {
  const { namespaceId, pipelineId, version, name, description, parallelism, state, registered, deprecated } = config;
  return {
    namespace_id: namespaceId,
    pipeline_id: pipelineId,
    version,
    name,
    description,
    parallelism,
    timeout_seconds: config.timeoutMs / 1_000,
    tasks: Object.fromEntries(config.tasks.map((task) => [task.id, wireTask(task)])),
    state,
    registered,
    deprecated,
  };
}

export function wireTask(task: TaskSpec): Static<typeof schema.Task> {
  const { retry, resources } = task;
  return {
    id: task.id,
    description: task.description,
    image: task.image,
    registry_auth: wireAuth(task.registryAuth),
    depends_on: { ...task.dependsOn },
    variables: task.variables.map((variable) => ({ ...variable })),
    entrypoint: task.entrypoint === null ? null : [...task.entrypoint],
    command: task.command === null ? null : [...task.command],
    inject_api_token: task.injectApiToken,
    always_pull_newest_image: task.alwaysPullNewestImage,
    retries: {
      limit: retry.limit,
      backoff_seconds: retry.backoffMs / 1_000,
      max_backoff_seconds: retry.maxBackoffMs / 1_000,
      on_lost: retry.onLost,
    },
    timeout_seconds: task.timeoutMs / 1_000,
    resources: { cpu_millicores: resources.cpuMillis, memory_mib: resources.memoryMib },
  };
}

function wireAuth(auth: RegistryAuth | null): Static<typeof schema.RegistryAuth> | null {
  return auth === null ? null : { user: auth.user, pass: REDACTED };
}
