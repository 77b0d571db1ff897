// A pipeline and its configs: what a user registered, numbered and immutable. Wire forms live in api/.

import type { Instant, NamespaceId, PipelineId, TaskId } from './ids.ts';

export type ParentRule = 'any' | 'success' | 'failure' | 'unknown';
export type VariableSource = 'unknown' | 'pipeline_config' | 'system' | 'run_options' | 'extension';

export interface Variable {
  readonly key: string;
  readonly value: string;
  readonly source: VariableSource;
}

export interface RegistryAuth {
  readonly user: string;
  readonly pass: string;
}

/** How often a failed task is started again. Additive to the original contract. */
export interface RetryPolicy {
  /** Further attempts after the first; 0 = none. */
  readonly limit: number;
  /** Wait before the second attempt; doubled for each further one. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** Whether an attempt whose fate cannot be known may be started again. Off: a second body is worse than none. */
  readonly onLost: boolean;
}

export interface Resources {
  /** Thousandths of a core; 0 = no limit. */
  readonly cpuMillis: number;
  /** MiB; 0 = no limit. */
  readonly memoryMib: number;
}

export interface TaskSpec {
  readonly id: TaskId;
  readonly description: string;
  readonly image: string;
  readonly registryAuth: RegistryAuth | null;
  readonly dependsOn: Readonly<Record<string, ParentRule>>;
  readonly variables: readonly Variable[];
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[] | null;
  readonly injectApiToken: boolean;
  readonly alwaysPullNewestImage: boolean;
  readonly retry: RetryPolicy;
  /** Longest time from the attempt's start; 0 = the server's maximum. */
  readonly timeoutMs: number;
  readonly resources: Resources;
}

export const NO_RETRY: RetryPolicy = { limit: 0, backoffMs: 1_000, maxBackoffMs: 300_000, onLost: false };
export const NO_RESOURCE_LIMITS: Resources = { cpuMillis: 0, memoryMib: 0 };

export type ConfigState = 'unreleased' | 'live' | 'deprecated';

export interface PipelineConfig {
  readonly namespaceId: NamespaceId;
  readonly pipelineId: PipelineId;
  /** Numbered from 1 in its pipeline. */
  readonly version: number;
  readonly name: string;
  readonly description: string;
  /** Runs at once; 0 = the server's limit. */
  readonly parallelism: number;
  /** Longest time of a whole run from its start; 0 = the server's maximum. */
  readonly timeoutMs: number;
  /** In the order in which the user wrote them. */
  readonly tasks: readonly TaskSpec[];
  readonly state: ConfigState;
  readonly registered: Instant;
  readonly deprecated: Instant;
}

export type PipelineState = 'active' | 'disabled';

export interface Pipeline {
  readonly namespaceId: NamespaceId;
  readonly pipelineId: PipelineId;
  readonly state: PipelineState;
  readonly created: Instant;
  readonly modified: Instant;
  /** Highest version registered so far. */
  readonly lastVersion: number;
  /** Version that new runs use; 0 while none was ever deployed. */
  readonly liveVersion: number;
  readonly lastDeploymentId: number;
}

export interface Namespace {
  readonly namespaceId: NamespaceId;
  readonly name: string;
  readonly description: string;
  readonly created: Instant;
  readonly modified: Instant;
}

/** PascalCase on the wire, as the original has it (spec 3.4). */
export type DeploymentState = 'Running' | 'Complete';
export type DeploymentStatus = 'Unknown' | 'Successful' | 'Failed';

export interface Deployment {
  readonly namespaceId: NamespaceId;
  readonly pipelineId: PipelineId;
  readonly deploymentId: number;
  readonly startVersion: number;
  readonly endVersion: number;
  readonly started: Instant;
  readonly ended: Instant;
  readonly state: DeploymentState;
  readonly status: DeploymentStatus;
  readonly statusReason: string | null;
}
