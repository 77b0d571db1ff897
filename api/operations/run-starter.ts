// Makes runs. Concurrent starts of one pipeline on this node share a transaction, since all of them move the same counter: that is
// what makes thousands of starts a second possible on one pipeline.

import { createHash } from 'node:crypto';
import { keys } from '../../store/keys.ts';
import type { PipelineKey } from '../../store/keys.ts';
import type { Pipeline, Variable } from '../../store/model/config.ts';
import { AppError } from '../../store/model/errors.ts';
import { parseRunId } from '../../store/model/ids.ts';
import type { RunId } from '../../store/model/ids.ts';
import type { Initiator, PendingRun } from '../../store/model/run.ts';
import { pipelineRecord } from '../../store/records/pipeline-records.ts';
import { idempotencyRecord } from '../../store/records/request-records.ts';
import { runCounterRecord, runRecord } from '../../store/records/run-records.ts';
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
/** The counter, and some room. */
const RESERVED_OPERATIONS = 8;
const RESERVED_BYTES = 65_536;
/** The run, its place in the queue, and an answer to remember. */
const WRITES_PER_RUN = 3;
/** A run's record twice and its keys, without its variables. */
const BYTES_PER_RUN = 2_048;

type StarterDeps = Pick<ApiDeps, 'state' | 'now'>;

interface Waiting {
  readonly request: StartRequest;
  readonly bytes: number;
  readonly answer: (run: PendingRun) => void;
  readonly fail: (error: unknown) => void;
}

export function createRunStarter(deps: StarterDeps): RunStarter {
  const lines = new Map<string, Waiting[]>();

  async function drain(name: string, line: Waiting[]): Promise<void> {
    try {
      while (line.length > 0) await startGroup(deps, takeGroup(line, deps.state.limits));
    } finally {
      lines.delete(name);
    }
  }

  return {
    start: (request) =>
      new Promise((answer, fail) => {
        const name = `${request.pipeline.namespaceId}/${request.pipeline.pipelineId}`;
        const waiting: Waiting = { request, bytes: bytesOf(request), answer, fail };
        const line = lines.get(name);
        if (line !== undefined) {
          line.push(waiting);
          return;
        }
        const fresh = [waiting];
        lines.set(name, fresh);
        drain(name, fresh).catch((error: unknown) => fresh.forEach((each) => each.fail(error)));
      }),
  };
}

function bytesOf({ variables }: StartRequest): number {
  return BYTES_PER_RUN + (variables.length === 0 ? 0 : 2 * Buffer.byteLength(JSON.stringify(variables)));
}

/** What waits while a transaction is on its way goes into the next one together. */
function takeGroup(line: Waiting[], { operationsMax, bytesMax }: ApiDeps['state']['limits']): readonly Waiting[] {
  const countMax = Math.max(1, Math.floor((operationsMax - RESERVED_OPERATIONS) / WRITES_PER_RUN));
  let bytes = RESERVED_BYTES;
  let count = 0;
  while (count < line.length && count < countMax) {
    bytes += line[count]?.bytes ?? 0;
    if (count > 0 && bytes > bytesMax) break;
    count += 1;
  }
  return line.splice(0, count);
}

/** Answers or fails each of them; throws nothing. */
async function startGroup(deps: StarterDeps, group: readonly Waiting[]): Promise<void> {
  let left = group;
  try {
    for (let tries = 0; tries < TRIES_MAX && left.length > 0; tries += 1) left = await tryGroup(deps, left);
    const busy = new AppError('unavailable', 'Too many starts at once: try again.', { outcome: 'not_applied' });
    for (const waiting of left) waiting.fail(busy);
  } catch (error) {
    for (const waiting of left) waiting.fail(error);
  }
}

/** Gives back what has to be tried again, since somebody else was faster. */
async function tryGroup(deps: StarterDeps, group: readonly Waiting[]): Promise<readonly Waiting[]> {
  const { state, now } = deps;
  const fresh = await settleRepeated(deps, group);
  const [first] = fresh;
  if (first === undefined) return [];
  const key = first.request.pipeline;
  const [pipelineKv, counterKv, preferencesKv] = await Promise.all([
    state.get(keys.pipeline(key)),
    state.get(keys.runCounter(key)),
    state.get(keys.preferences()),
  ]);
  const pipeline = checkPipeline(pipelineKv, preferencesKv);
  const accepted = fresh.filter((waiting) => hasConfig(waiting, pipeline));
  if (accepted.length === 0) return [];
  const lastRunId = counterKv === null ? 0 : runCounterRecord.decode(counterKv.value).lastRunId;
  const created = now();
  const runs = accepted.map(({ request }, index) =>
    newRun(request, { runId: parseRunId(lastRunId + 1 + index), created, liveVersion: pipeline.liveVersion }),
  );
  const { succeeded } = await state.commit({
    compares: [
      { target: 'mod', key: keys.pipeline(key), equals: pipelineKv?.modRevision ?? 0 },
      { target: 'mod', key: keys.runCounter(key), equals: counterKv?.modRevision ?? 0 },
      ...accepted.flatMap(({ request }) => idempotencyCompare(request)),
    ],
    writes: [
      { op: 'put', key: keys.runCounter(key), value: runCounterRecord.encode({ lastRunId: lastRunId + runs.length }) },
      ...runs.flatMap(runWrites),
      ...accepted.flatMap(({ request }, index) => idempotencyWrite(request, runs[index])),
    ],
  });
  if (!succeeded) return accepted;
  for (const [index, run] of runs.entries()) accepted[index]?.answer(run);
  return [];
}

function runWrites(run: PendingRun): readonly Write[] {
  // Both records are the same at first: the one in the queue stays as it is.
  const value = runRecord.encode(run);
  return [
    { op: 'put', key: keys.run(run), value },
    { op: 'put', key: keys.openRun(run), value },
  ];
}

function idempotencyCompare(request: StartRequest): readonly Compare[] {
  const key = idempotencyRef(request);
  return key === null ? [] : [{ target: 'create', key, equals: 0 }];
}

function idempotencyWrite(request: StartRequest, run: PendingRun | undefined): readonly Write[] {
  const key = idempotencyRef(request);
  if (key === null || run === undefined) return [];
  const value = idempotencyRecord.encode({ runId: run.runId, bodyHash: bodyHash(request), created: run.created });
  return [{ op: 'put', key, value }];
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
async function settleRepeated({ state }: StarterDeps, group: readonly Waiting[]): Promise<readonly Waiting[]> {
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
  facts: { readonly runId: RunId; readonly created: number; readonly liveVersion: number },
): PendingRun {
  return {
    namespaceId: pipeline.namespaceId,
    pipelineId: pipeline.pipelineId,
    runId: facts.runId,
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
