// What every simulated world begins with: timings short enough that much happens in few seconds, and the pipelines of the workload.

import type { ClusterTimings } from '../../cluster/join.ts';
import { NO_RESOURCE_LIMITS, NO_RETRY } from '../../store/model/config.ts';
import type { ParentRule, Pipeline, PipelineConfig, RetryPolicy, TaskSpec } from '../../store/model/config.ts';
import { parseNamespaceId, parsePipelineId, parseTaskId } from '../../store/model/ids.ts';
import type { StateStore, Write } from '../../store/state/port.ts';
import { keys } from '../../store/keys.ts';
import { configRecord, namespaceRecord, pipelineRecord } from '../../store/records/pipeline-records.ts';
import { installationRecord, preferencesRecord } from '../../store/records/system-records.ts';
import { WORLD_BEGINS } from './universe.ts';

/** The proportions of the real ones: what is safe with these is safe with those. */
export const SIMULATED_TIMINGS: ClusterTimings = {
  leaseTtlSeconds: 2,
  keepAliveMs: 500,
  keepAliveDeadlineMs: 350,
  holdMs: 1_400,
  pollMs: 2_000,
  callDeadlineMs: 800,
  retryMs: 200,
  heartbeatMs: 1_600,
  headStartMs: 400,
  dutyStopMs: 800,
  silenceMs: 800,
  watchLeaderMs: 250,
  probeDeadlineMs: 120,
  probeGapMs: 30,
  storeSilentMaxMs: 1_200,
  lagMaxMs: 2_000,
  clockBoundMs: 1_000,
  engineMoveMs: 12_000,
  nameWaitMs: 8_000,
  rememberMs: 5_000,
};

export const LIMITS = { globalRuns: 4, pipelineRuns: 3 } as const;

export const NAMESPACE = parseNamespaceId('default');

interface SimulatedPipeline {
  readonly id: string;
  readonly parallelism: number;
  readonly tasks: readonly TaskSpec[];
}

const SOME_RETRIES: RetryPolicy = { limit: 2, backoffMs: 100, maxBackoffMs: 400, onLost: false };

function aTask(
  id: string,
  parents: Readonly<Record<string, ParentRule>> = {},
  changes: Partial<TaskSpec> = {},
): TaskSpec {
  return {
    id: parseTaskId(id),
    description: '',
    image: 'simulated',
    registryAuth: null,
    dependsOn: parents,
    variables: [],
    entrypoint: null,
    command: null,
    injectApiToken: false,
    alwaysPullNewestImage: false,
    retry: NO_RETRY,
    timeoutMs: 0,
    resources: NO_RESOURCE_LIMITS,
    ...changes,
  };
}

/** How a body behaves is said by the beginning of its task's name: see bodies.ts. */
export const PIPELINES: readonly SimulatedPipeline[] = [
  { id: 'single', parallelism: 2, tasks: [aTask('work')] },
  {
    id: 'graph',
    parallelism: 0,
    tasks: [
      aTask('build'),
      aTask('flaky-test', { build: 'success' }, { retry: SOME_RETRIES }),
      aTask('ship', { 'flaky-test': 'success' }),
      aTask('alarm', { 'flaky-test': 'failure' }),
    ],
  },
  {
    id: 'slow',
    parallelism: 1,
    tasks: [aTask('long-one', {}, { timeoutMs: 2_500 }), aTask('after', { 'long-one': 'any' })],
  },
];

/** Writes what `ensureDefaults` and a deployment of each pipeline would have left behind. */
export async function prepareStore(store: StateStore): Promise<void> {
  const created = WORLD_BEGINS - 60_000;
  const writes: Write[] = [
    put(keys.meta(), installationRecord.encode({ installationId: 'simulated-installation', created })),
    put(keys.preferences(), preferencesRecord.encode({ ignorePipelineRunEvents: false, bootstrapTokenCreated: false })),
    put(
      keys.namespace(NAMESPACE),
      namespaceRecord.encode({ namespaceId: NAMESPACE, name: '', description: '', created, modified: 0 }),
    ),
  ];
  for (const { id, parallelism, tasks } of PIPELINES) {
    const key = { namespaceId: NAMESPACE, pipelineId: parsePipelineId(id) };
    const pipeline: Pipeline = {
      ...key,
      ...{ state: 'active', created, modified: 0, lastVersion: 1, liveVersion: 1, lastDeploymentId: 0 },
    };
    const config: PipelineConfig = {
      ...key,
      ...{ version: 1, name: id, description: '', parallelism, timeoutMs: 0, tasks },
      ...{ state: 'live', registered: created, deprecated: 0 },
    };
    writes.push(put(keys.pipeline(key), pipelineRecord.encode(pipeline)));
    writes.push(put(keys.config(key, 1), configRecord.encode(config)));
  }
  await store.commit({ compares: [], writes });
}

function put(key: string, value: string): Write {
  return { op: 'put', key, value };
}
