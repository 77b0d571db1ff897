// What goes over the wire, in the API's own words (snake_case, instants in milliseconds since the epoch, 0 = has not happened).
// The server's schemas are the contract; a test holds the two together.

import type { PipelineDocument } from '../pipeline-document.ts';

export interface Namespace {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly created: number;
  readonly modified: number;
}

export interface PipelineMetadata {
  readonly namespace_id: string;
  readonly pipeline_id: string;
  readonly state: 'unknown' | 'active' | 'disabled';
  readonly created: number;
  readonly modified: number;
  /** Version that new runs use; 0 = none. */
  readonly live_version?: number;
}

export interface Variable {
  readonly key: string;
  readonly value: string;
  readonly source: 'unknown' | 'pipeline_config' | 'system' | 'run_options' | 'extension';
}

export type RequiredParentStatus = 'unknown' | 'any' | 'success' | 'failure';

export interface TaskSpec {
  readonly id: string;
  readonly description: string;
  readonly image: string;
  readonly registry_auth?: { readonly user: string; readonly pass: string } | null;
  readonly depends_on: Readonly<Record<string, RequiredParentStatus>>;
  readonly variables: readonly Variable[];
  readonly entrypoint?: readonly string[] | null;
  readonly command?: readonly string[] | null;
  readonly inject_api_token: boolean;
  readonly always_pull_newest_image: boolean;
  readonly retries?: {
    readonly limit: number;
    readonly backoff_seconds?: number;
    readonly max_backoff_seconds?: number;
    readonly on_lost?: boolean;
  };
  readonly timeout_seconds?: number;
  readonly resources?: { readonly cpu_millicores?: number; readonly memory_mib?: number };
}

export interface Config {
  readonly namespace_id: string;
  readonly pipeline_id: string;
  readonly version: number;
  readonly name: string;
  readonly description: string;
  readonly parallelism: number;
  readonly timeout_seconds?: number;
  readonly tasks: Readonly<Record<string, TaskSpec>>;
  readonly state: 'unknown' | 'unreleased' | 'live' | 'deprecated';
  readonly registered: number;
  readonly deprecated: number;
}

export interface Deployment {
  readonly namespace_id: string;
  readonly pipeline_id: string;
  readonly deployment_id: number;
  readonly start_version: number;
  readonly end_version: number;
  readonly started: number;
  readonly ended: number;
  readonly state: 'Unknown' | 'Running' | 'Complete';
  readonly status: 'Unknown' | 'Failed' | 'Successful';
  readonly status_reason?: { readonly reason: string; readonly description: string } | null;
}

export type RunState = 'unknown' | 'pending' | 'running' | 'complete';
export type RunStatus = 'unknown' | 'failed' | 'successful' | 'cancelled';
export type TaskState = 'unknown' | 'processing' | 'waiting' | 'running' | 'complete';
export type TaskStatus = 'unknown' | 'failed' | 'successful' | 'cancelled' | 'skipped';

export interface Reason {
  readonly reason: string;
  readonly description: string;
}

export interface Run {
  readonly namespace_id: string;
  readonly pipeline_id: string;
  readonly pipeline_config_version: number;
  readonly run_id: number;
  /** Its creation. */
  readonly started: number;
  readonly ended: number;
  readonly state: RunState;
  readonly status: RunStatus;
  readonly status_reason?: Reason | null;
  readonly initiator: { readonly id: string; readonly user: string };
  readonly variables: readonly Variable[];
  readonly token_id?: string | null;
  readonly store_objects_expired: boolean;
  readonly event_id?: string | null;
  /** When its tasks began to be started; 0 = it waits for its turn. */
  readonly execution_started?: number;
  readonly retry_of?: number;
}

export interface TaskExecution {
  readonly namespace_id: string;
  readonly pipeline_id: string;
  readonly run_id: number;
  readonly task_id: string;
  readonly task: TaskSpec;
  readonly created: number;
  readonly started: number;
  readonly ended: number;
  readonly exit_code?: number | null;
  readonly logs_expired: boolean;
  readonly logs_removed: boolean;
  readonly state: TaskState;
  readonly status: TaskStatus;
  readonly status_reason?: Reason | null;
  readonly variables: readonly Variable[];
  readonly attempt?: number;
  readonly attempts?: readonly {
    readonly attempt: number;
    readonly started: number;
    readonly ended: number;
    readonly outcome: string;
  }[];
  readonly retry_at?: number;
  readonly waiting_for?: string;
  readonly carried_from?: number;
}

export interface StoredObject {
  readonly key: string;
  readonly created: number;
  /** Bytes. */
  readonly size?: number;
  readonly sha256?: string;
}

export interface Secret {
  readonly key: string;
  readonly created: number;
  readonly namespaces: readonly string[];
}

export interface SecretValue {
  readonly metadata: Secret;
  readonly secret?: string | null;
}

/** `kind` has exactly one property: its name, with the details. */
export interface Event {
  readonly id: string;
  readonly emitted: number;
  readonly kind: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
}

export interface SystemMetadata {
  readonly commit: string;
  readonly semver: string;
}

export interface SystemPreferences {
  readonly bootstrap_token_created: boolean;
  readonly ignore_pipeline_run_events: boolean;
}

export interface RegisteredPipeline {
  readonly config: Config;
  readonly metadata: PipelineMetadata;
}

export interface InNamespace {
  readonly namespaceId: string;
}
export interface OfPipeline extends InNamespace {
  readonly pipelineId: string;
}
export interface OfRun extends OfPipeline {
  readonly runId: number;
}
export interface OfTask extends OfRun {
  readonly taskId: string;
}

export type { PipelineDocument };
