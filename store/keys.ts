// Every key of the state store, in one place. Parts are separated by "/"; ids hold none (free texts are percent-encoded),
// so no prefix of one thing is a prefix of another. Numbers are padded so that text order is number order.

import { createHash } from 'node:crypto';
import type { AttemptKey, NamespaceId, PipelineId, RunId, RunKey, TaskId, TaskKey } from './model/ids.ts';
import type { KeyRange } from './state/port.ts';
import { prefixRange } from './state/port.ts';

const NUMBER_DIGITS = 16;

export interface PipelineKey {
  readonly namespaceId: NamespaceId;
  readonly pipelineId: PipelineId;
}

function padded(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, '0');
}

const pipelinePart = (key: PipelineKey) => `${key.namespaceId}/${key.pipelineId}`;
const runPart = (key: RunKey) => `${pipelinePart(key)}/${padded(key.runId)}`;

export const keys = {
  /** Installation id and record versions in use. */
  meta: () => 'meta/installation',
  preferences: () => 'meta/preferences',
  /** Which directory all nodes keep their objects in. */
  objectPlace: () => 'meta/object-place',
  leader: () => 'cluster/leader',
  barrier: () => 'cluster/barrier',
  /** A node that is alive; the key lies under the node's own lease. */
  member: (name: string) => `cluster/member/${encodeURIComponent(name)}`,
  members: () => prefixRange('cluster/member/'),
  /** Exists while an operator wants the node empty. Outlives the node's restarts. */
  drain: (name: string) => `cluster/drain/${encodeURIComponent(name)}`,
  drains: () => prefixRange('cluster/drain/'),
  /** An operator wants somebody else to lead. */
  transfer: () => 'cluster/transfer',
  /** The form of records that is written now. */
  format: () => 'cluster/format',
  /** The engine that the cluster's attempts live in. */
  clusterEngine: () => 'cluster/engine',
  /** All of the cluster's own records. */
  cluster: () => prefixRange('cluster/'),

  namespace: (id: NamespaceId) => `namespace/${id}`,
  namespaces: () => prefixRange('namespace/'),

  pipeline: (key: PipelineKey) => `pipeline/${pipelinePart(key)}`,
  pipelinesOf: (namespaceId: NamespaceId) => prefixRange(`pipeline/${namespaceId}/`),
  allPipelines: () => prefixRange('pipeline/'),
  /** A deleted pipeline of which something is still left. */
  tombstone: (key: PipelineKey) => `tombstone/${pipelinePart(key)}`,
  tombstones: () => prefixRange('tombstone/'),

  config: (key: PipelineKey, version: number) => `config/${pipelinePart(key)}/${padded(version)}`,
  configsOf: (key: PipelineKey) => prefixRange(`config/${pipelinePart(key)}/`),

  deployment: (key: PipelineKey, id: number) => `deployment/${pipelinePart(key)}/${padded(id)}`,
  deploymentsOf: (key: PipelineKey) => prefixRange(`deployment/${pipelinePart(key)}/`),

  /** Last run id given out. Outlives its pipeline, so that attempt ids are never used twice. */
  runCounter: (key: PipelineKey) => `run-counter/${pipelinePart(key)}`,

  runCounters: () => prefixRange('run-counter/'),
  /** How far the retention of a pipeline's runs has come. */
  retention: (key: PipelineKey) => `retention/${pipelinePart(key)}`,

  run: (key: RunKey) => `run/${runPart(key)}`,
  runsOf: (key: PipelineKey) => prefixRange(`run/${pipelinePart(key)}/`),
  /** Runs from `first` to `last`, both included. */
  runSpan: (key: PipelineKey, span: { readonly first: number; readonly last: number }): KeyRange => ({
    start: `run/${pipelinePart(key)}/${padded(span.first)}`,
    end: `run/${pipelinePart(key)}/${padded(span.last + 1)}`,
  }),
  allRuns: () => prefixRange('run/'),

  /** Exists exactly while the run is not complete; its create revision is the run's place in the queue. */
  openRun: (key: RunKey) => `open/${runPart(key)}`,
  openRuns: () => prefixRange('open/'),
  openRunsOf: (key: PipelineKey) => prefixRange(`open/${pipelinePart(key)}/`),

  task: (key: TaskKey) => `task/${runPart(key)}/${key.taskId}`,
  tasksOf: (key: RunKey) => prefixRange(`task/${runPart(key)}/`),
  tasksOfPipeline: (key: PipelineKey) => prefixRange(`task/${pipelinePart(key)}/`),

  /** What an API node asks of the leader about a run; the leader deletes it in the commit that honours it. */
  ask: (key: RunKey, id: string) => `ask/${runPart(key)}/${id}`,
  asks: () => prefixRange('ask/'),
  asksOf: (key: PipelineKey) => prefixRange(`ask/${pipelinePart(key)}/`),

  /** Events of other nodes, waiting to be put in order by the leader. */
  outbox: (id: string) => `outbox/${id}`,
  outboxAll: () => prefixRange('outbox/'),

  event: (segment: number) => `event/${padded(segment)}`,
  events: () => prefixRange('event/'),
  /** Segments from `first` to `last`, both included. */
  eventSpan: (span: { readonly first: number; readonly last: number }): KeyRange => ({
    start: `event/${padded(span.first)}`,
    end: `event/${padded(span.last + 1)}`,
  }),
  eventCounter: () => 'event-counter',

  /** An ended attempt whose log still lies in the engine. */
  archive: (key: AttemptKey) => `archive/${runPart(key)}/${key.taskId}/${padded(key.attempt)}`,
  archives: () => prefixRange('archive/'),
  archivesOf: (key: PipelineKey) => prefixRange(`archive/${pipelinePart(key)}/`),

  object: (scope: string, key: string) => `object/${scope}/${encodeURIComponent(key)}`,
  objectsOf: (scope: string) => prefixRange(`object/${scope}/`),

  /** Objects of a pipeline's runs up to `last`, included. */
  objectsOfRuns: (key: PipelineKey, last: number): KeyRange => ({
    start: `object/run/${pipelinePart(key)}/`,
    end: `object/run/${pipelinePart(key)}/${padded(last + 1)}`,
  }),

  secret: (scope: string, key: string) => `secret/${scope}/${encodeURIComponent(key)}`,
  secretsOf: (scope: string) => prefixRange(`secret/${scope}/`),

  /** A secret's value, sealed; `name` is a name of the secret store. */
  sealed: (name: string) => `sealed/${name}`,
  allSealed: () => prefixRange('sealed/'),
  sealingRing: () => 'sealing-ring',

  token: (id: string) => `token/${encodeURIComponent(id)}`,
  tokens: () => prefixRange('token/'),
  /** Names the token whose secret has this hash. */
  tokenName: (hash: string) => `token-name/${hash}`,
  role: (id: string) => `role/${encodeURIComponent(id)}`,
  roles: () => prefixRange('role/'),

  /** A remembered answer to a request with an Idempotency-Key; hashed, since the client chooses the text. */
  idempotency: (key: PipelineKey, caller: string, text: string) =>
    `idempotency/${pipelinePart(key)}/${createHash('sha256').update(`${caller}\0${text}`).digest('hex')}`,
  idempotencies: () => prefixRange('idempotency/'),
  idempotenciesOf: (key: PipelineKey) => prefixRange(`idempotency/${pipelinePart(key)}/`),
};

/** Levels of objects and secrets. The first part tells them apart, so keys of two levels never collide (spec 15, 44). */
export const scopes = {
  pipeline: (key: PipelineKey) => `pipeline/${pipelinePart(key)}`,
  run: (key: RunKey) => `run/${runPart(key)}`,
  global: () => 'global',
};

/** The attempt whose log a key under `archive/` is about. */
export function attemptOfArchive(key: string): AttemptKey {
  const [taskId = '', attempt = ''] = key.split('/').slice(4);
  return { ...runOfKey(key), taskId: taskId as TaskId, attempt: Number(attempt) };
}

/** The run that a key under `run/`, `open/`, `task/`, `ask/` or `archive/` belongs to. */
export function runOfKey(key: string): RunKey {
  const [, namespaceId = '', pipelineId = '', runId = ''] = key.split('/');
  return {
    namespaceId: namespaceId as NamespaceId,
    pipelineId: pipelineId as PipelineId,
    runId: Number(runId) as RunId,
  };
}
