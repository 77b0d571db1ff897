// Small worlds for tests: each builder names only what matters to the test and fills the rest in.

import type { ParentRule, PipelineConfig, RetryPolicy, TaskSpec } from '../../store/model/config.ts';
import { NO_RESOURCE_LIMITS, NO_RETRY } from '../../store/model/config.ts';
import type { NamespaceId, PipelineId, RunId, TaskId } from '../../store/model/ids.ts';
import type { PendingRun, RunningRun } from '../../store/model/run.ts';
import { taskGraph } from '../../scheduler/plan/graph.ts';
import { createRunView } from '../../scheduler/plan/run-view.ts';
import type { RunView } from '../../scheduler/plan/run-view.ts';
import type { PlanSettings } from '../../scheduler/plan/draft.ts';

export const NOON = 1_800_000_000_000;

export const PLAN_SETTINGS: PlanSettings = {
  taskTimeoutMaxMs: 0,
  runTimeoutMaxMs: 0,
  stopGraceMs: 30_000,
  engineKeepsLogs: true,
};

export interface TaskOptions {
  readonly after?: Readonly<Record<string, ParentRule>>;
  readonly retry?: Partial<RetryPolicy>;
  readonly timeoutMs?: number;
}

export function aTask(id: string, options: TaskOptions = {}): TaskSpec {
  return {
    id: id as TaskId,
    description: '',
    image: 'busybox',
    registryAuth: null,
    dependsOn: options.after ?? {},
    variables: [],
    entrypoint: null,
    command: ['true'],
    injectApiToken: false,
    alwaysPullNewestImage: false,
    retry: { ...NO_RETRY, ...options.retry },
    timeoutMs: options.timeoutMs ?? 0,
    resources: NO_RESOURCE_LIMITS,
  };
}

export function aConfig(tasks: readonly TaskSpec[], options: Partial<PipelineConfig> = {}): PipelineConfig {
  return {
    namespaceId: 'default' as NamespaceId,
    pipelineId: 'nightly' as PipelineId,
    version: 1,
    name: 'Nightly',
    description: '',
    parallelism: 0,
    timeoutMs: 0,
    tasks,
    state: 'live',
    registered: NOON,
    deprecated: 0,
    ...options,
  };
}

export function aPendingRun(options: Partial<PendingRun> = {}): PendingRun {
  return {
    namespaceId: 'default' as NamespaceId,
    pipelineId: 'nightly' as PipelineId,
    runId: 1 as RunId,
    configVersion: 1,
    created: NOON,
    variables: [],
    initiator: { id: '0', user: 'Anonymous' },
    eventId: null,
    tokenId: null,
    storeObjectsExpired: false,
    retryOf: 0,
    state: 'pending',
    ...options,
  };
}

export function aRunningRun(options: Partial<RunningRun> = {}): RunningRun {
  return {
    ...aPendingRun(),
    startedAt: NOON,
    deadline: 0,
    cancel: null,
    timedOut: false,
    ...options,
    state: 'running',
  };
}

export function aView(config: PipelineConfig, run: PendingRun | RunningRun = aRunningRun()): RunView {
  return createRunView({ run, runRevision: 1, graph: taskGraph(config), tasks: [], carried: new Map() });
}
