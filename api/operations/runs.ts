// Runs (spec 4). The API makes runs and leaves asks about them; what becomes of a run is the leader's to write.

import { keys, runOfKey } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import type { PipelineKey } from '../../store/keys.ts';
import * as limits from '../../store/model/limits.ts';
import type { Run } from '../../store/model/run.ts';
import { askRecord, runCounterRecord, runRecord } from '../../store/records/run-records.ts';
import { checkVariables } from './config-validation.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation, RequestContext } from './operation.ts';
import { canExist, pipelineOf, runOf } from './parse-place.ts';
import type { PipelinePlace, RunPlace } from './parse-place.ts';
import { createRunStarter } from './run-starter.ts';
import type { RunStarter } from './run-starter.ts';
import { findRecord, listRecords, needRecord } from './store-pages.ts';

export interface RunPage extends PipelinePlace {
  readonly limit?: number | null | undefined;
  readonly offset?: number | null | undefined;
  readonly reverse?: boolean | null | undefined;
}
export interface RunCancellation extends RunPlace {
  /** Bodies are killed at once. */
  readonly force?: boolean | undefined;
}
export interface RunRetry extends RunPlace {
  readonly idempotencyKey?: string | undefined;
}
export interface NewRun extends PipelinePlace {
  readonly variables: Readonly<Record<string, string>>;
  readonly idempotencyKey?: string | undefined;
}

const LIMIT_DEFAULT = 50;
/** The contract allows any limit; a page of the store is bounded all the same. */
const LIMIT_MAX = 5_000;
const IDEMPOTENCY_KEY_MAX = 255;

export function createRunOperations(deps: ApiDeps) {
  const starter = deps.starter ?? createRunStarter(deps);
  const resources = ['namespaces', 'pipelines', 'runs'] as const;
  return {
    listRuns: {
      operationId: 'list_runs',
      needs: { resources, action: 'read', anonymous: true },
      run: (input) => listRuns(deps, input),
    } satisfies Operation<RunPage, Run[]>,

    startRun: {
      operationId: 'start_run',
      needs: { resources, action: 'write' },
      run: (input, context) => startRun(starter, input, context),
    } satisfies Operation<NewRun, Run>,

    getRun: {
      operationId: 'get_run',
      needs: { resources, action: 'read', anonymous: true },
      run: async (input) => (await needRecord(deps.state, keys.run(runOf(input)), runRecord)).value,
    } satisfies Operation<RunPlace, Run>,

    cancelRun: {
      operationId: 'cancel_run',
      needs: { resources, action: 'write' },
      run: (input, context) => cancelRun(deps, input, context),
    } satisfies Operation<RunCancellation, void>,

    retryRun: {
      operationId: 'retry_run',
      needs: { resources, action: 'write' },
      run: (input, context) => retryRun({ deps, starter }, input, context),
    } satisfies Operation<RunRetry, Run>,
  };
}

/**
 * Run ids are dense, so a page is found by arithmetic, in either direction and without reading what is before it. They begin at 1,
 * or higher for a pipeline that was deleted and made anew.
 */
async function listRuns({ state }: ApiDeps, input: RunPage): Promise<Run[]> {
  const limit = Math.min(input.limit ?? LIMIT_DEFAULT, LIMIT_MAX);
  const offset = input.offset ?? 0;
  if (limit === 0 || !canExist(input)) return [];
  const key = pipelineOf(input);
  const { first, last } = await runIds({ state }, key);
  const isReverse = input.reverse === true;
  const from = isReverse ? Math.max(first, last - offset - limit + 1) : first + offset;
  const to = isReverse ? last - offset : Math.min(last, first + offset + limit - 1);
  if (from > to) return [];
  const runs = await listRecords(state, keys.runSpan(key, { first: from, last: to }), runRecord);
  return isReverse ? runs.reverse() : runs;
}

/** Lowest and highest run id of a pipeline; the lowest is above the highest when there are no runs. */
async function runIds(
  { state }: Pick<ApiDeps, 'state'>,
  key: PipelineKey,
): Promise<{ readonly first: number; readonly last: number }> {
  const [oldest, counter] = await Promise.all([
    state.range(keys.runsOf(key), { limit: 1, keysOnly: true }),
    findRecord(state, keys.runCounter(key), runCounterRecord),
  ]);
  const last = counter?.value.lastRunId ?? 0;
  const [kv] = oldest.kvs;
  return { first: kv === undefined ? last + 1 : runOfKey(kv.key).runId, last };
}

async function startRun(starter: RunStarter, input: NewRun, { caller }: RequestContext): Promise<Run> {
  checkRunVariables(input.variables);
  return starter.start({
    pipeline: pipelineOf(input),
    variables: Object.entries(input.variables).map(([key, value]) => ({ key, value, source: 'run_options' })),
    initiator: { id: caller.tokenId, user: caller.user },
    retryOf: 0,
    configVersion: null,
    idempotencyKey: checkedKey(input.idempotencyKey),
  });
}

function checkRunVariables(variables: Readonly<Record<string, string>>): void {
  const problems: string[] = [];
  checkVariables(
    (path, expected) => problems.push(`${path}: ${expected}`),
    'variables',
    variables,
    limits.VARIABLES_PER_RUN_MAX,
  );
  if (Buffer.byteLength(JSON.stringify(variables)) > limits.RUN_VARIABLES_BYTES_MAX) {
    problems.push(`variables: expected at most ${limits.RUN_VARIABLES_BYTES_MAX} bytes in all`);
  }
  if (problems.length > 0) throw new AppError('invalid', `${problems.slice(0, limits.PROBLEMS_MAX).join('; ')}.`);
}

function checkedKey(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (text.length < 1 || text.length > IDEMPOTENCY_KEY_MAX) {
    throw new AppError('invalid', `Idempotency-Key: expected 1 to ${IDEMPOTENCY_KEY_MAX} characters.`);
  }
  return text;
}

/** Cancelling a run that is over does nothing, and is no error (spec 4.5). */
async function cancelRun(deps: ApiDeps, input: RunCancellation, { caller }: RequestContext): Promise<void> {
  const { state, now, newId, settings } = deps;
  const key = runOf(input);
  await needRecord(state, keys.run(key), runRecord);
  const open = await state.get(keys.openRun(key));
  if (open === null) return;
  const graceMs = input.force === true ? 0 : settings.stopTimeoutMs;
  const ask = askRecord.encode({ kind: 'cancel_run', askedAt: now(), graceMs, by: caller.user });
  await state.commit({
    // Should the run have ended meanwhile, there is nobody left to answer, and nothing to do.
    compares: [{ target: 'create', key: open.key, equals: open.createRevision }],
    writes: [{ op: 'put', key: keys.ask(key, newId()), value: ask }],
  });
}

async function retryRun(
  { deps, starter }: { readonly deps: ApiDeps; readonly starter: RunStarter },
  input: RunRetry,
  { caller }: RequestContext,
): Promise<Run> {
  const key = runOf(input);
  const { value } = await needRecord(deps.state, keys.run(key), runRecord);
  if (value.state !== 'complete')
    throw new AppError('conflict', `Run ${key.runId} is not over: wait for it, or cancel it first.`);
  if (value.status === 'successful')
    throw new AppError('conflict', `Run ${key.runId} was successful: there is nothing to retry.`);
  return starter.start({
    pipeline: key,
    variables: value.variables,
    initiator: { id: caller.tokenId, user: caller.user },
    retryOf: key.runId,
    // The graph whose results are taken over: another version may have other tasks.
    configVersion: value.configVersion,
    idempotencyKey: checkedKey(input.idempotencyKey),
  });
}
