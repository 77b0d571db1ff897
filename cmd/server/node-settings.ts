// What of the settings each part of a node is given, in its own words and units.

import type { ApiDeps } from '../../api/operations/deps.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { LoopSettings } from '../../scheduler/loop/deps.ts';
import type { SweepingSettings } from '../../scheduler/loop/sweeping.ts';
import { UNPOINTED_GRACE_MS } from '../../store/objects/blob-name.ts';
import type { ServerConfig } from './config-keys.ts';

/** All is listed again this often, in case a watch told less than happened. */
const RELIST_MS = 30_000;
/** Only crashes leave blobs that nothing points to. */
export const BLOB_SWEEPING = { intervalMs: 6 * 3_600_000, graceMs: UNPOINTED_GRACE_MS } as const;

/** Left-overs come from crashes only. Each look reads the records of all bodies that the engine holds. */
const SWEEP_MS = 600_000;
/** Far longer than any record is on its way. */
const SWEEP_GRACE_MS = 300_000;

export function apiSettings(config: ServerConfig, served: { readonly url: string }): ApiDeps['settings'] {
  return {
    pipelineRunConcurrencyLimit: config['api.pipeline_run_concurrency_limit'],
    pipelineObjectLimit: config['object_store.pipeline_object_limit'],
    stopTimeoutMs: config['api.task_execution_stop_timeout'] * 1_000,
    taskApiUrl: () => config['scheduler.task_api_url'] || served.url,
    version: GOFER_VERSION,
    commit: GOFER_COMMIT,
  };
}

export function schedulingSettings(config: ServerConfig, apiBaseUrl: () => string): LoopSettings {
  return {
    taskTimeoutMaxMs: config['api.task_timeout_max'] * 1_000,
    runTimeoutMaxMs: config['api.run_timeout_max'] * 1_000,
    stopGraceMs: config['api.task_execution_stop_timeout'] * 1_000,
    engineKeepsLogs: true,
    globalRunLimit: config['api.global_run_concurrency_limit'],
    pipelineRunLimit: config['api.pipeline_run_concurrency_limit'],
    apiBaseUrl: apiBaseUrl(),
    relistMs: RELIST_MS,
  };
}

export function retentionSettings(config: ServerConfig) {
  return {
    runObjectsKept: config['object_store.run_object_expiry'],
    runLogsKept: config['api.task_execution_log_retention'],
    eventsKeptMs: config['api.event_log_retention'] * 1_000,
    eventPruneIntervalMs: config['api.event_prune_interval'] * 1_000,
  };
}

export function sweepingSettings(config: ServerConfig, kind: Engine['kind']): SweepingSettings {
  if (kind !== 'docker') return { intervalMs: SWEEP_MS, graceMs: SWEEP_GRACE_MS };
  const intervalMs = config['scheduler.docker.prune'] ? config['scheduler.docker.prune_interval'] * 1_000 : null;
  return { intervalMs, graceMs: SWEEP_GRACE_MS };
}
