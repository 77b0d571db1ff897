// The pipeline document of spec 14.1 as it comes in, and what becomes of it: types are checked by the route's schema, sense by
// config-validation.ts; here it is only put in our own words.

import { NO_RETRY, NO_RESOURCE_LIMITS } from '../../store/model/config.ts';
import type { ParentRule, PipelineConfig, TaskSpec } from '../../store/model/config.ts';
import type { Instant, NamespaceId, PipelineId, TaskId } from '../../store/model/ids.ts';

export type WireParentRule = 'Unknown' | 'Any' | 'Success' | 'Failure';

export interface WireRetries {
  readonly limit: number;
  readonly backoff_seconds?: number | undefined;
  readonly max_backoff_seconds?: number | undefined;
  readonly on_lost?: boolean | undefined;
}

export interface WireTask {
  readonly id: string;
  readonly description?: string | null | undefined;
  readonly image: string;
  readonly registry_auth?: { readonly user: string; readonly pass: string } | null | undefined;
  readonly depends_on?: Readonly<Record<string, WireParentRule>> | undefined;
  readonly variables?: Readonly<Record<string, string>> | undefined;
  readonly entrypoint?: readonly string[] | null | undefined;
  readonly command?: readonly string[] | null | undefined;
  readonly inject_api_token?: boolean | undefined;
  readonly always_pull_newest_image?: boolean | undefined;
  readonly retries?: WireRetries | null | undefined;
  readonly timeout_seconds?: number | null | undefined;
  readonly resources?:
    { readonly cpu_millicores?: number | undefined; readonly memory_mib?: number | undefined } | null | undefined;
}

export interface WirePipeline {
  readonly id: string;
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parallelism: number;
  readonly timeout_seconds?: number | null | undefined;
  readonly tasks: readonly WireTask[];
}

const RULES: Readonly<Record<WireParentRule, ParentRule>> = {
  Unknown: 'unknown',
  Any: 'any',
  Success: 'success',
  Failure: 'failure',
};

export interface ConfigPlace {
  readonly namespaceId: NamespaceId;
  readonly pipelineId: PipelineId;
  readonly version: number;
  readonly registered: Instant;
}

/** Expects a document that was validated. */
export function configFromWire(document: WirePipeline, place: ConfigPlace): PipelineConfig {
  return {
    ...place,
    name: document.name,
    description: document.description ?? '',
    parallelism: document.parallelism,
    timeoutMs: (document.timeout_seconds ?? 0) * 1_000,
    tasks: document.tasks.map(taskFromWire),
    state: 'unreleased',
    deprecated: 0,
  };
}

function taskFromWire(task: WireTask): TaskSpec {
  const retries = task.retries ?? null;
  return {
    id: task.id as TaskId,
    description: task.description ?? '',
    image: task.image,
    registryAuth: task.registry_auth ?? null,
    dependsOn: Object.fromEntries(Object.entries(task.depends_on ?? {}).map(([parent, rule]) => [parent, RULES[rule]])),
    variables: Object.entries(task.variables ?? {}).map(([key, value]) => ({ key, value, source: 'pipeline_config' })),
    entrypoint: task.entrypoint ?? null,
    command: task.command ?? null,
    injectApiToken: task.inject_api_token ?? false,
    alwaysPullNewestImage: task.always_pull_newest_image ?? false,
    retry:
      retries === null
        ? NO_RETRY
        : {
            limit: retries.limit,
            backoffMs: retries.backoff_seconds === undefined ? NO_RETRY.backoffMs : retries.backoff_seconds * 1_000,
            maxBackoffMs:
              retries.max_backoff_seconds === undefined ? NO_RETRY.maxBackoffMs : retries.max_backoff_seconds * 1_000,
            onLost: retries.on_lost ?? false,
          },
    timeoutMs: (task.timeout_seconds ?? 0) * 1_000,
    resources: {
      cpuMillis: task.resources?.cpu_millicores ?? NO_RESOURCE_LIMITS.cpuMillis,
      memoryMib: task.resources?.memory_mib ?? NO_RESOURCE_LIMITS.memoryMib,
    },
  };
}
