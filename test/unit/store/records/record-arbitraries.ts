// Any record of every kind, for property tests. Typed by the model: a field that is added there turns the build red here.

import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import type { Ask } from '../../../../store/model/ask.ts';
import type { Member } from '../../../../store/model/cluster.ts';
import type { Deployment, Namespace, Pipeline, PipelineConfig, TaskSpec } from '../../../../store/model/config.ts';
import type { Variable } from '../../../../store/model/config.ts';
import type { EventKind, StoredEvent } from '../../../../store/model/event.ts';
import type { EventId, NamespaceId, PipelineId, RunId, TaskId } from '../../../../store/model/ids.ts';
import type { AttemptEnd, Run, StopIntent, TaskExecution } from '../../../../store/model/run.ts';
import type { ObjectKey, SealedValue, SecretKey } from '../../../../store/records/blob-records.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
export const instant = fc.nat({ max: 4_102_444_800_000 });
export const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const flag = fc.boolean();
export const hexHash = fc.stringMatching(/^[0-9a-f]{64}$/);
const base64 = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const identifier = fc.stringMatching(/^[A-Za-z0-9-]{3,32}$/);

const namespaceId = identifier.map((id) => id as NamespaceId);
const pipelineId = identifier.map((id) => id as PipelineId);
export const runId = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map((id) => id as RunId);
const taskId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/).map((id) => id as TaskId);
const ofPipeline = { namespaceId, pipelineId };
const ofTask = { ...ofPipeline, runId, taskId };

const variable: Arbitrary<Variable> = fc.record({
  key: text,
  value: text,
  source: fc.constantFrom('unknown', 'pipeline_config', 'system', 'run_options', 'extension'),
});
const variables = fc.array(variable, { maxLength: 4 });
const words = fc.option(fc.array(text, { maxLength: 3 }));

const taskSpec: Arbitrary<TaskSpec> = fc.record({
  id: taskId,
  description: text,
  image: text,
  registryAuth: fc.option(fc.record({ user: text, pass: text })),
  dependsOn: fc.dictionary(taskId, fc.constantFrom('any', 'success', 'failure', 'unknown'), {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  variables,
  entrypoint: words,
  command: words,
  injectApiToken: flag,
  alwaysPullNewestImage: flag,
  retry: fc.record({ limit: count, backoffMs: count, maxBackoffMs: count, onLost: flag }),
  timeoutMs: count,
  resources: fc.record({ cpuMillis: count, memoryMib: count }),
});

export const aNamespace: Arbitrary<Namespace> = fc.record({
  namespaceId,
  name: text,
  description: text,
  created: instant,
  modified: instant,
});

export const aPipeline: Arbitrary<Pipeline> = fc.record({
  ...ofPipeline,
  state: fc.constantFrom('active', 'disabled'),
  created: instant,
  modified: instant,
  lastVersion: count,
  liveVersion: count,
  lastDeploymentId: count,
});

export const aPipelineConfig: Arbitrary<PipelineConfig> = fc.record({
  ...ofPipeline,
  version: count,
  name: text,
  description: text,
  parallelism: count,
  timeoutMs: count,
  tasks: fc.array(taskSpec, { maxLength: 3 }),
  state: fc.constantFrom('unreleased', 'live', 'deprecated'),
  registered: instant,
  deprecated: instant,
});

export const aDeployment: Arbitrary<Deployment> = fc.record({
  ...ofPipeline,
  deploymentId: count,
  startVersion: count,
  endVersion: count,
  started: instant,
  ended: instant,
  state: fc.constantFrom('Running', 'Complete'),
  status: fc.constantFrom('Unknown', 'Successful', 'Failed'),
  statusReason: fc.option(text),
});

const runFacts = {
  ...ofPipeline,
  runId,
  configVersion: count,
  created: instant,
  variables,
  initiator: fc.record({ id: text, user: text }),
  eventId: fc.option(fc.uuid({ version: 7 }).map((id) => id as EventId)),
  tokenId: fc.option(fc.uuid()),
  storeObjectsExpired: flag,
  retryOf: count,
};

export const aRun: Arbitrary<Run> = fc.oneof(
  fc.record({ ...runFacts, state: fc.constant('pending' as const) }),
  fc.record({
    ...runFacts,
    state: fc.constant('running' as const),
    startedAt: instant,
    deadline: instant,
    cancel: fc.option(fc.record({ askedAt: instant, graceMs: count, by: text })),
    timedOut: flag,
  }),
  fc.record({
    ...runFacts,
    state: fc.constant('complete' as const),
    startedAt: instant,
    ended: instant,
    status: fc.constantFrom('successful', 'failed', 'cancelled'),
    statusReason: fc.option(fc.record({ reason: fc.constantFrom('unknown', 'abnormal_exit'), description: text })),
  }),
);

const attemptEnd: Arbitrary<AttemptEnd> = fc.oneof(
  fc.record({ kind: fc.constant('exited' as const), code: count }),
  fc.record({ kind: fc.constant('signalled' as const), signal: text }),
  fc.record({ kind: fc.constant('out_of_memory' as const) }),
  fc.record({ kind: fc.constantFrom('not_started' as const, 'lost' as const), why: text }),
);

const taskFacts = {
  ...ofTask,
  created: instant,
  past: fc.array(fc.record({ attempt: count, startedAt: instant, endedAt: instant, end: attemptEnd }), {
    maxLength: 3,
  }),
};

const stop: Arbitrary<StopIntent | null> = fc.option(
  fc.record({
    cause: fc.constantFrom('cancel', 'task_timeout', 'run_timeout'),
    askedAt: instant,
    graceMs: count,
  }),
);

export const aTaskExecution: Arbitrary<TaskExecution> = fc.oneof(
  fc.record({ ...taskFacts, state: fc.constant('waiting' as const), retryAt: instant }),
  fc.record({
    ...taskFacts,
    state: fc.constant('processing' as const),
    attempt: count,
    intentAt: instant,
    stop,
    note: text,
  }),
  fc.record({
    ...taskFacts,
    state: fc.constant('running' as const),
    attempt: count,
    intentAt: instant,
    startedAt: instant,
    deadline: instant,
    stop,
  }),
  fc.record({
    ...taskFacts,
    state: fc.constant('complete' as const),
    status: fc.constantFrom('unknown', 'successful', 'failed', 'cancelled', 'skipped'),
    statusReason: fc.option(fc.record({ reason: fc.constantFrom('orphaned', 'cancelled'), description: text })),
    exitCode: fc.nat({ max: 255 }),
    startedAt: instant,
    ended: instant,
    logs: fc.constantFrom('none', 'engine', 'archived', 'empty', 'removed', 'expired'),
    carriedFrom: count,
  }),
);

export const anAsk: Arbitrary<Ask> = fc.oneof(
  fc.record({ kind: fc.constant('cancel_run' as const), askedAt: instant, graceMs: count, by: text }),
  fc.record({ kind: fc.constant('cancel_task' as const), taskId, askedAt: instant, graceMs: count, by: text }),
);

const eventOfRun = { namespace_id: namespaceId, pipeline_id: pipelineId, run_id: runId };
const eventKind: Arbitrary<EventKind> = fc.oneof(
  fc.record({ created_namespace: fc.record({ namespace_id: namespaceId }) }),
  fc.record({ queued_run: fc.record(eventOfRun) }),
  fc.record({
    completed_run: fc.record({ ...eventOfRun, status: fc.constantFrom('successful', 'failed', 'cancelled') }),
  }),
  fc.record({
    started_task_execution_cancellation: fc.record({ ...eventOfRun, task_execution_id: taskId, timeout: count }),
  }),
);
export const aStoredEvent: Arbitrary<StoredEvent> = fc.record({ emitted: instant, kind: eventKind });

export const anObjectKey: Arbitrary<ObjectKey> = fc.record({
  key: text,
  created: instant,
  modified: instant,
  size: count,
  sha256: hexHash,
  blobName: text,
});

export const aSecretKey: Arbitrary<SecretKey> = fc.record({
  key: text,
  created: instant,
  modified: instant,
  namespaces: fc.array(text, { maxLength: 3 }),
  secretName: text,
});

export const aSealedValue: Arbitrary<SealedValue> = fc.record({ keyId: hexHash, nonce: base64, sealed: base64 });

export const aMember: Arbitrary<Member> = fc.record({
  ...{ name: text, nodeId: fc.uuid(), machine: text, pid: count, version: text, apiUrl: text, peerAddress: text },
  formats: fc.record({ min: count, max: count }),
  started: instant,
  engine: fc.record({ kind: text, identity: text, where: text }),
  standsBack: fc.option(text),
  health: fc.record({
    ...{ at: instant, storeMs: fc.option(count), lagMs: fc.option(count), clockOffsetMs: fc.option(fc.integer()) },
    problems: fc.array(text, { maxLength: 3 }),
  }),
});

export const someText = text;
