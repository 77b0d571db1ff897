// Runs (spec 4). The API makes runs and leaves asks about them; what becomes of a run is the leader's to write.

import { keys } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { parseRunId } from '../../store/model/ids.ts';
import type { RunKey } from '../../store/model/ids.ts';
import * as limits from '../../store/model/limits.ts';
import type { Run } from '../../store/model/run.ts';
import { askRecord, runCounterRecord, runRecord } from '../../store/records/run-records.ts';
import { checkVariables } from './config-validation.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation, RequestContext } from './operation.ts';
import { keyOf } from './pipelines.ts';
import type { PipelineInput } from './pipelines.ts';
import { createRunStarter } from './run-starter.ts';
import type { RunStarter } from './run-starter.ts';
import { findRecord, listRecords, needRecord } from './store-pages.ts';

export interface RunInput extends PipelineInput {
  readonly runId: string;
}
export interface RunListInput extends PipelineInput {
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly reverse?: boolean | undefined;
}
export interface StartInput extends PipelineInput {
  readonly variables: Readonly<Record<string, string>>;
  readonly idempotencyKey?: string | undefined;
}

const LIMIT_DEFAULT = 50;
/** The contract allows any limit; a page of the store is bounded all the same. */
const LIMIT_MAX = 5_000;
const IDEMPOTENCY_KEY_MAX = 255;

export function createRunOperations(deps: ApiDeps) {
  const starter = createRunStarter(deps);
  const resources = ['namespaces', 'pipelines', 'runs'] as const;
  return {
    listRuns: {
      operationId: 'list_runs',
      needs: { resources, action: 'read', anonymous: true },
      run: (input) => listRuns(deps, input),
    } satisfies Operation<RunListInput, Run[]>,

    startRun: {
      operationId: 'start_run',
      needs: { resources, action: 'write' },
      run: (input, context) => startRun(starter, input, context),
    } satisfies Operation<StartInput, Run>,

    getRun: {
      operationId: 'get_run',
      needs: { resources, action: 'read', anonymous: true },
      run: async (input) => (await needRecord(deps.state, keys.run(runKeyOf(input)), runRecord)).value,
    } satisfies Operation<RunInput, Run>,

    cancelRun: {
      operationId: 'cancel_run',
      needs: { resources, action: 'write' },
      run: (input, context) => cancelRun(deps, input, context),
    } satisfies Operation<RunInput & { readonly force?: boolean | undefined }, void>,

    retryRun: {
      operationId: 'retry_run',
      needs: { resources, action: 'write' },
      run: (input, context) => retryRun({ deps, starter }, input, context),
    } satisfies Operation<RunInput & { readonly idempotencyKey?: string | undefined }, Run>,
  };
}

export function runKeyOf(input: RunInput): RunKey {
  return { ...keyOf(input), runId: parseRunId(input.runId, 'run_id') };
}

/** Run ids are dense from 1, so a page is found by arithmetic, in either direction and without reading what is before it. */
async function listRuns({ state }: ApiDeps, input: RunListInput): Promise<Run[]> {
  const key = keyOf(input);
  const counter = await findRecord(state, keys.runCounter(key), runCounterRecord);
  const last = counter?.value.lastRunId ?? 0;
  const limit = Math.min(input.limit ?? LIMIT_DEFAULT, LIMIT_MAX);
  const offset = input.offset ?? 0;
  const reverse = input.reverse ?? false;
  if (limit === 0 || offset >= last) return [];
  const span = reverse
    ? { first: Math.max(1, last - offset - limit + 1), last: last - offset }
    : { first: offset + 1, last: Math.min(last, offset + limit) };
  const runs = await listRecords(state, keys.runSpan(key, span), runRecord);
  return reverse ? runs.reverse() : runs;
}

async function startRun(starter: RunStarter, input: StartInput, { caller }: RequestContext): Promise<Run> {
  checkRunVariables(input.variables);
  return starter.start({
    pipeline: keyOf(input),
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

/** Asking about a run that is over is answered like any other: there is nothing left to do (spec 4.5). */
async function cancelRun(
  deps: ApiDeps,
  input: RunInput & { readonly force?: boolean | undefined },
  { caller }: RequestContext,
): Promise<void> {
  const { state, now, newId, settings } = deps;
  const key = runKeyOf(input);
  const { value } = await needRecord(state, keys.run(key), runRecord);
  if (value.state === 'complete') return;
  const graceMs = input.force === true ? 0 : settings.stopTimeoutMs;
  const ask = askRecord.encode({ kind: 'cancel_run', askedAt: now(), graceMs, by: caller.user });
  await state.commit({
    // Once the run has left the open list nobody is there to answer.
    compares: [{ target: 'create', key: keys.openRun(key), equals: await createdAt(deps, key) }],
    writes: [{ op: 'put', key: keys.ask(key, newId()), value: ask }],
  });
}

async function createdAt({ state }: ApiDeps, key: RunKey): Promise<number> {
  return (await state.get(keys.openRun(key)))?.createRevision ?? 0;
}

async function retryRun(
  { deps, starter }: { readonly deps: ApiDeps; readonly starter: RunStarter },
  input: RunInput & { readonly idempotencyKey?: string | undefined },
  { caller }: RequestContext,
): Promise<Run> {
  const key = runKeyOf(input);
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
