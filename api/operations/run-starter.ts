// Makes runs. Concurrent starts of one pipeline on this node share a transaction, since all of them move the same counter: that is
// what makes thousands of starts a second possible on one pipeline.
//
// What a start depends on is taken from the last start of the pipeline on this node, and compared in the transaction: when nobody else
// has touched it, which is the rule, a start is one transaction and no read.

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
import type { Instant } from '../../store/model/ids.ts';
import type { Compare, StateStore, Transaction, TransactionResult, Write } from '../../store/state/port.ts';
import { createStartGuesses, sightCompares, sightKeys, sightOf } from './start-sight.ts';
import type { StartGuesses, StartSight } from './start-sight.ts';
import { createStartTurns } from './start-turns.ts';
import type { StartTurns } from './start-turns.ts';

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

/** Another node moved the counter first. Of three that are all at it, one in two or three tries succeeds. */
const TRIES_MAX = 100;
/** The counter, and some room. */
const RESERVED_OPERATIONS = 8;
const RESERVED_BYTES = 65_536;
/** The run, its place in the queue, an answer to remember, and what a leader plans with it: the records of a task or two. */
const WRITES_PER_RUN = 5;
/** A run's record twice and its keys, without its variables. */
const BYTES_PER_RUN = 2_048;

/**
 * Commits the creation of runs. The node that leads can plan them in the same transaction: then their bodies begin one commit earlier.
 * Whoever does it, the result is that of the transaction as it was given.
 */
export type CommitStarts = (transaction: Transaction, runs: readonly PendingRun[]) => Promise<TransactionResult>;

interface StarterDeps {
  readonly state: StateStore;
  readonly now: () => Instant;
  /** Absent = straight to the store. */
  readonly commitStarts?: CommitStarts;
}

interface GroupDeps extends StarterDeps {
  readonly commitStarts: CommitStarts;
  readonly guesses: StartGuesses;
  readonly turns: StartTurns;
}

interface Waiting {
  readonly request: StartRequest;
  readonly bytes: number;
  readonly answer: (run: PendingRun) => void;
  readonly fail: (error: unknown) => void;
}

export function createRunStarter(given: StarterDeps): RunStarter {
  const deps: GroupDeps = {
    commitStarts: (transaction) => given.state.commit(transaction),
    ...given,
    guesses: createStartGuesses(),
    turns: createStartTurns(),
  };
  const lines = new Map<string, Waiting[]>();

  async function drain(name: string, line: Waiting[]): Promise<void> {
    try {
      while (line.length > 0) {
        await deps.turns.wait(name);
        await startGroup(deps, takeGroup(line, deps.state.limits));
      }
    } finally {
      lines.delete(name);
    }
  }

  return {
    start: (request) =>
      new Promise((answer, fail) => {
        const name = nameOf(request.pipeline);
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

function nameOf({ namespaceId, pipelineId }: PipelineKey): string {
  return `${namespaceId}/${pipelineId}`;
}

function bytesOf({ variables }: StartRequest): number {
  return BYTES_PER_RUN + (variables.length === 0 ? 0 : 2 * Buffer.byteLength(JSON.stringify(variables)));
}

/** What waits while a transaction is on its way goes into the next one together. */
function takeGroup(line: Waiting[], { operationsMax, bytesMax }: StateStore['limits']): readonly Waiting[] {
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
async function startGroup(deps: GroupDeps, group: readonly Waiting[]): Promise<void> {
  let left = withoutTwins(group);
  const [first] = left;
  if (first === undefined) return;
  const key = first.request.pipeline;
  try {
    let guess: StartSight | null = deps.guesses.take(key);
    for (let tries = 0; tries < TRIES_MAX && left.length > 0; tries += 1) {
      const sight: StartSight = guess ?? (await look(deps.state, key, left));
      if (!sight.isGuess) left = await settleRepeated(deps.state, left, sight);
      const next = left.length === 0 ? 'done' : await tryGroup(deps, left, sight);
      if (next === 'done') return;
      guess = next === 'look' ? null : next.sight;
      if (next === 'look') continue;
      deps.turns.lost(nameOf(key));
      left = next.left;
    }
    const busy = new AppError('unavailable', 'Too many starts at once: try again.', { outcome: 'not_applied' });
    for (const waiting of left) waiting.fail(busy);
  } catch (error) {
    for (const waiting of left) waiting.fail(error);
  }
}

/** Somebody else was faster: who is left, and how it is now. */
interface Again {
  readonly left: readonly Waiting[];
  readonly sight: StartSight;
}

/** 'look' = it was a guess, and nobody is refused for a guess. */
async function tryGroup(
  { commitStarts, now, guesses }: GroupDeps,
  left: readonly Waiting[],
  sight: StartSight,
): Promise<'done' | 'look' | Again> {
  const [first] = left;
  if (first === undefined) return 'done';
  const key = first.request.pipeline;
  const pipeline = pipelineOf(sight);
  if (pipeline instanceof AppError) {
    if (sight.isGuess) return 'look';
    throw pipeline;
  }
  const accepted = left.filter(({ request }) => request.configVersion !== null || pipeline.liveVersion > 0);
  if (accepted.length < left.length) {
    if (sight.isGuess) return 'look';
    for (const waiting of left) if (!accepted.includes(waiting)) waiting.fail(nothingLive(pipeline));
  }
  if (accepted.length === 0) return 'done';
  const lastRunId = sight.counter === null ? 0 : runCounterRecord.decode(sight.counter.value).lastRunId;
  const created = now();
  const runs = accepted.map(({ request }, index) =>
    newRun(request, { runId: parseRunId(lastRunId + 1 + index), created, liveVersion: pipeline.liveVersion }),
  );
  const counter = runCounterRecord.encode({ lastRunId: lastRunId + runs.length });
  const transaction = {
    compares: [...sightCompares(key, sight), ...accepted.flatMap(({ request }) => idempotencyCompare(request))],
    writes: [
      { op: 'put', key: keys.runCounter(key), value: counter } as const,
      ...runs.flatMap(runWrites),
      ...accepted.flatMap(({ request }, index) => idempotencyWrite(request, runs[index])),
    ],
    readOnFailure: keysToSee(key, accepted),
  };
  const { succeeded, revision, found } = await commitStarts(transaction, runs);
  if (!succeeded) return { left: accepted, sight: sightOf(key, found) };
  guesses.keep(key, { ...sight, counter: { value: counter, modRevision: revision } });
  for (const [index, run] of runs.entries()) accepted[index]?.answer(run);
  return 'done';
}

/** All that the start of these runs depends on. */
async function look(state: StateStore, pipeline: PipelineKey, group: readonly Waiting[]): Promise<StartSight> {
  return sightOf(pipeline, await Promise.all(keysToSee(pipeline, group).map((key) => state.get(key))));
}

function keysToSee(pipeline: PipelineKey, group: readonly Waiting[]): readonly string[] {
  return [...sightKeys(pipeline), ...group.flatMap(({ request }) => idempotencyRef(request) ?? [])];
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

/** The pipeline, or why no run of it may be started. */
function pipelineOf({ pipeline: kv, preferences }: StartSight): Pipeline | AppError {
  if (kv === null) return new AppError('not_found', 'Not Found');
  const pipeline = pipelineRecord.decode(kv.value);
  if (pipeline.state === 'disabled') {
    return new AppError('unavailable', `Pipeline ${pipeline.pipelineId} is disabled: enable it to start runs.`);
  }
  if (preferences !== null && preferencesRecord.decode(preferences.value).ignorePipelineRunEvents) {
    return new AppError('unavailable', 'Starting runs is paused for the whole service.');
  }
  return pipeline;
}

function nothingLive({ pipelineId, lastVersion }: Pipeline): AppError {
  return new AppError('conflict', `No config of pipeline ${pipelineId} is live: deploy version ${lastVersion} first.`);
}

/** Answers those whose Idempotency-Key is known already, and returns the others. */
async function settleRepeated(
  state: StateStore,
  group: readonly Waiting[],
  { remembered }: StartSight,
): Promise<readonly Waiting[]> {
  const fresh: Waiting[] = [];
  for (const waiting of group) {
    const kv = remembered.get(idempotencyRef(waiting.request) ?? '');
    if (kv === undefined) fresh.push(waiting);
    else await answerAgain(state, waiting, kv.value);
  }
  return fresh;
}

/** The same request twice in one group is one, which answers both. */
function withoutTwins(group: readonly Waiting[]): readonly Waiting[] {
  const fresh: Waiting[] = [];
  const seen = new Map<string, Waiting>();
  for (const waiting of group) {
    const key = idempotencyRef(waiting.request);
    const twin = key === null ? undefined : seen.get(key);
    if (twin !== undefined && key !== null) seen.set(key, follow(waiting, twin, fresh));
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

async function answerAgain(state: StateStore, { request, answer, fail }: Waiting, value: string): Promise<void> {
  const remembered = idempotencyRecord.decode(value);
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
