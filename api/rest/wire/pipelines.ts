// From the model to the wire: namespaces, pipelines, configs, deployments. Pure.

import type { Static } from 'typebox';
import type {
  Deployment,
  Namespace,
  Pipeline,
  PipelineConfig,
  RegistryAuth,
  TaskSpec,
} from '../../../store/model/config.ts';
import type * as schema from '../schemas/pipelines.ts';

/** Credentials go in and never come out again (spec 15, 52). */
const REDACTED = '[redacted]';

export function wireNamespace({
  namespaceId,
  name,
  description,
  created,
  modified,
}: Namespace): Static<typeof schema.Namespace> {
  return { id: namespaceId, name, description, created, modified };
}

export function wirePipeline({
  namespaceId,
  pipelineId,
  state,
  created,
  modified,
  liveVersion,
}: Pipeline): Static<typeof schema.Metadata> {
  return { namespace_id: namespaceId, pipeline_id: pipelineId, state, created, modified, live_version: liveVersion };
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

export function wireDeployment(deployment: Deployment): Static<typeof schema.Deployment> {
  const { namespaceId, pipelineId, deploymentId, startVersion, endVersion, started, ended, state, status } = deployment;
  return {
    namespace_id: namespaceId,
    pipeline_id: pipelineId,
    deployment_id: deploymentId,
    start_version: startVersion,
    end_version: endVersion,
    started,
    ended,
    state,
    status,
    status_reason:
      deployment.statusReason === null ? null : { reason: 'Unknown', description: deployment.statusReason },
    logs: [],
  };
}
