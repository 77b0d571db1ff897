// Makes runs. Concurrent starts of one pipeline on this node share a transaction, since all of them move the same counter: that is
// what makes thousands of starts a second possible on one pipeline.

import { createHash } from 'node:crypto';
import { keys } from '../../store/keys.ts';
import type { PipelineKey } from '../../store/keys.ts';
import type { Pipeline, Variable } from '../../store/model/config.ts';
import { AppError } from '../../store/model/errors.ts';
import type { RunId } from '../../store/model/ids.ts';
import type { Initiator, PendingRun } from '../../store/model/run.ts';
import { pipelineRecord } from '../../store/records/pipeline-records.ts';
import { idempotencyRecord } from '../../store/records/request-records.ts';
import { openRunRecord, runCounterRecord, runRecord } from '../../store/records/run-records.ts';
import { preferencesRecord } from '../../store/records/system-records.ts';
import type { Compare, KeyValue, Write } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';

export interface StartRequest {
  readonly pipeline: PipelineKey;
  readonly variables: readonly Variable[];
  readonly initiator: Initiator;
  /** 0 = a run of its own. */
  readonly retryOf: number;
  /** Config version to use; null = the live one. */
  readonly configVersion: number | null;
  /** A repetition of the same request under the same key gives the same run. */
  readonly idempotencyKey: string | null;
}

export interface RunStarter {
  /** Throws not_found, unavailable (disabled, paused, store), conflict (nothing live; key used for something else). */
  start(request: StartRequest): Promise<PendingRun>;
}

/** Another node moved the counter first: with three nodes and one transaction each, a few tries always do. */
const TRIES_MAX = 20;
/** Counter, pipeline and preferences take their place in each transaction; a run takes up to three writes. */
const RESERVED_OPERATIONS = 8;
const WRITES_PER_RUN = 3;
/** A run's record twice (its own and its place in the queue), and its keys. */
const BYTES_PER_RUN_MIN = 2_048;

interface Waiting {
  readonly request: StartRequest;
  readonly bytes: number;
  readonly answer: (run: PendingRun) => void;
  readonly fail: (error: unknown) => void;
}

export function createRunStarter(deps: Pick<ApiDeps, 'state' | 'now'>): RunStarter {
  const lines = new Map<string, Waiting[]>();

  async function drain(name: string, line: Waiting[]): Promise<void> {
    // One round of the event loop: what arrives together is committed together.
    await Promise.resolve();
    while (line.length > 0) {
      const group = takeGroup(line, deps.state.limits);
      try {
        await startGroup(deps, group);
      } catch (error) {
        for (const waiting of group) waiting.fail(error);
      }
    }
    lines.delete(name);
  }

  return {
    start: (request) =>
      new Promise((answer, fail) => {
        const name = `${request.pipeline.namespaceId}/${request.pipeline.pipelineId}`;
        const bytes = BYTES_PER_RUN_MIN + 2 * JSON.stringify(request.variables).length;
        const waiting: Waiting = { request, bytes, answer, fail };
        const line = lines.get(name);
        if (line !== undefined) {
          line.push(waiting);
          return;
        }
        const fresh = [waiting];
        lines.set(name, fresh);
        void drain(name, fresh);
      }),
  };
}

function takeGroup(line: Waiting[], limits: ApiDeps['state']['limits']): Waiting[] {
  const countMax = Math.max(1, Math.floor((limits.operationsMax - RESERVED_OPERATIONS) / WRITES_PER_RUN));
  let bytes = 0;
  let count = 0;
  while (count < line.length && count < countMax) {
    bytes += line[count]?.bytes ?? 0;
    if (count > 0 && bytes > limits.bytesMax) break;
    count += 1;
  }
  return line.splice(0, count);
}

async function startGroup(deps: Pick<ApiDeps, 'state' | 'now'>, group: readonly Waiting[]): Promise<void> {
  let left = group;
  for (let tries = 0; tries < TRIES_MAX && left.length > 0; tries += 1) left = await tryGroup(deps, left);
  const busy = new AppError('unavailable', 'Too many starts at once: try again.', { outcome: 'not_applied' });
  for (const waiting of left) waiting.fail(busy);
}

/** What has to be tried again. */
async function tryGroup(
  { state, now }: Pick<ApiDeps, 'state' | 'now'>,
  group: readonly Waiting[],
): Promise<readonly Waiting[]> {
  const pipelineKey = group[0]?.request.pipeline;
  if (pipelineKey === undefined) return [];
  const [pipelineKv, counterKv, preferencesKv] = await Promise.all([
    state.get(keys.pipeline(pipelineKey)),
    state.get(keys.runCounter(pipelineKey)),
    state.get(keys.preferences()),
  ]);
  const pipeline = checkPipeline(pipelineKv, preferencesKv);
  const fresh = await settleRepeated({ state }, group);
  const accepted = fresh.filter((waiting) => hasConfig(waiting, pipeline));
  if (accepted.length === 0) return [];
  const first = counterKv === null ? 1 : runCounterRecord.decode(counterKv.value).lastRunId + 1;
  const created = now();
  const runs = accepted.map(({ request }, index) =>
    newRun(request, { runId: first + index, created, liveVersion: pipeline.liveVersion }),
  );
  const compares: Compare[] = [
    { target: 'mod', key: keys.pipeline(pipelineKey), equals: pipelineKv?.modRevision ?? 0 },
    { target: 'mod', key: keys.runCounter(pipelineKey), equals: counterKv?.modRevision ?? 0 },
  ];
  const writes: Write[] = [
    {
      op: 'put',
      key: keys.runCounter(pipelineKey),
      value: runCounterRecord.encode({ lastRunId: first + runs.length - 1 }),
    },
  ];
  for (const [index, run] of runs.entries()) {
    writes.push({ op: 'put', key: keys.run(run), value: runRecord.encode(run) });
    writes.push({ op: 'put', key: keys.openRun(run), value: openRunRecord.encode(run) });
    const request = accepted[index]?.request;
    const remembered = request === undefined ? null : idempotencyRef(request);
    if (remembered === null || request === undefined) continue;
    compares.push({ target: 'create', key: remembered, equals: 0 });
    writes.push({
      op: 'put',
      key: remembered,
      value: idempotencyRecord.encode({ runId: run.runId, bodyHash: bodyHash(request), created }),
    });
  }
  const { succeeded } = await state.commit({ compares, writes });
  if (!succeeded) return accepted;
  for (const [index, waiting] of accepted.entries()) {
    const run = runs[index];
    if (run !== undefined) waiting.answer(run);
  }
  return [];
}

function checkPipeline(kv: KeyValue | null, preferences: KeyValue | null): Pipeline {
  if (kv === null) throw new AppError('not_found', 'Not Found');
  const pipeline = pipelineRecord.decode(kv.value);
  if (pipeline.state === 'disabled') {
    throw new AppError('unavailable', `Pipeline ${pipeline.pipelineId} is disabled: enable it to start runs.`);
  }
  if (preferences !== null && preferencesRecord.decode(preferences.value).ignorePipelineRunEvents) {
    throw new AppError('unavailable', 'Starting runs is paused for the whole service.');
  }
  return pipeline;
}

function hasConfig({ request, fail }: Waiting, pipeline: Pipeline): boolean {
  if (request.configVersion !== null || pipeline.liveVersion > 0) return true;
  const { pipelineId, lastVersion } = pipeline;
  fail(new AppError('conflict', `No config of pipeline ${pipelineId} is live: deploy version ${lastVersion} first.`));
  return false;
}

/** Answers those whose Idempotency-Key is known already, and returns the others. */
async function settleRepeated(
  { state }: Pick<ApiDeps, 'state'>,
  group: readonly Waiting[],
): Promise<readonly Waiting[]> {
  if (group.every(({ request }) => request.idempotencyKey === null)) return group;
  const fresh: Waiting[] = [];
  const seen = new Map<string, Waiting>();
  for (const waiting of group) {
    const key = idempotencyRef(waiting.request);
    const kv = key === null ? null : await state.get(key);
    const twin = key === null ? undefined : seen.get(key);
    if (kv !== null) await answerAgain(state, waiting, kv);
    else if (twin !== undefined && key !== null) seen.set(key, follow(waiting, twin, fresh));
    else {
      if (key !== null) seen.set(key, waiting);
      fresh.push(waiting);
    }
  }
  return fresh;
}

/** The same request twice in one group: the second gets the first one's run. */
function follow(waiting: Waiting, twin: Waiting, fresh: Waiting[]): Waiting {
  if (bodyHash(waiting.request) !== bodyHash(twin.request)) {
    waiting.fail(keyTaken());
    return twin;
  }
  const both: Waiting = {
    ...twin,
    answer: (run) => {
      twin.answer(run);
      waiting.answer(run);
    },
    fail: (error) => {
      twin.fail(error);
      waiting.fail(error);
    },
  };
  fresh[fresh.indexOf(twin)] = both;
  return both;
}

async function answerAgain(state: ApiDeps['state'], { request, answer, fail }: Waiting, kv: KeyValue): Promise<void> {
  const remembered = idempotencyRecord.decode(kv.value);
  if (remembered.bodyHash !== bodyHash(request)) {
    fail(keyTaken());
    return;
  }
  const found = await state.get(keys.run({ ...request.pipeline, runId: remembered.runId }));
  if (found === null) fail(new AppError('not_found', 'Not Found'));
  else answer(asCreated(runRecord.decode(found.value)));
}

/** A repeated request gets the answer of the first one, whatever has become of the run since. */
function asCreated(run: ReturnType<typeof runRecord.decode>): PendingRun {
  const { namespaceId, pipelineId, runId, configVersion, created, variables, initiator, tokenId, retryOf } = run;
  return {
    namespaceId,
    pipelineId,
    runId,
    configVersion,
    created,
    variables,
    initiator,
    tokenId,
    retryOf,
    eventId: null,
    storeObjectsExpired: false,
    state: 'pending',
  };
}

function keyTaken(): AppError {
  return new AppError('conflict', 'This Idempotency-Key was used for another request: use a new one.');
}

function idempotencyRef({ pipeline, initiator, idempotencyKey }: StartRequest): string | null {
  return idempotencyKey === null ? null : keys.idempotency(pipeline, initiator.id, idempotencyKey);
}

function bodyHash({ variables, retryOf }: StartRequest): string {
  return createHash('sha256').update(JSON.stringify({ variables, retryOf })).digest('hex');
}

function newRun(
  { pipeline, variables, initiator, retryOf, configVersion }: StartRequest,
  facts: { readonly runId: number; readonly created: number; readonly liveVersion: number },
): PendingRun {
  return {
    namespaceId: pipeline.namespaceId,
    pipelineId: pipeline.pipelineId,
    runId: facts.runId as RunId,
    configVersion: configVersion ?? facts.liveVersion,
    created: facts.created,
    variables,
    initiator,
    eventId: null,
    tokenId: null,
    storeObjectsExpired: false,
    retryOf,
    state: 'pending',
  };
}
