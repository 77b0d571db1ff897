// A client of the API whose every call and answer goes into the history. What was not answered for certain is written down as unknown:
// it may have had its effect, now or later, or never.

import { createHash } from 'node:crypto';
import type { Operation, RunSeen } from '../checks/evidence.ts';
import type { Recorder } from '../history/recorder.ts';
import type { Client } from '../../sdk/client/client.ts';
import { ApiError, StreamClosedError } from '../../sdk/client/errors.ts';
import type { Run } from '../../sdk/client/types.ts';
import { NAMESPACE } from './pipelines.ts';

/** Which run, by both of its names. */
export interface RunName {
  readonly key: string;
  readonly pipelineId: string;
  readonly runId: number;
}

/** `unknown`: it may have been done, or will be. */
export type Told<T> = { readonly answer: T } | { readonly refused: string } | { readonly unknown: string };

export interface RecordedClient {
  readonly proc: number;
  /** The key is the idempotency key as well, and a variable of the run, so that the run is found again whatever was answered. */
  start(key: string, pipelineId: string): Promise<Told<RunName>>;
  get(run: RunName): Promise<Told<RunSeen>>;
  cancel(run: RunName, force: boolean): Promise<Told<object>>;
  retry(run: RunName, newKey: string): Promise<Told<RunName>>;
  put(run: RunName, object: { readonly key: string; readonly bytes: Uint8Array }): Promise<Told<object>>;
  read(run: RunName, key: string): Promise<Told<{ readonly sha256: string }>>;
  log(run: RunName, taskId: string): Promise<Told<{ readonly text: string }>>;
}

export interface RecordedClientOptions {
  readonly proc: number;
  readonly client: Client;
  /** Who is asked: a node's name, or the load balancer. */
  readonly node: string;
  readonly recorder: Recorder;
}

/** The variable in which a run carries its client's name for it. */
export const KEY_VARIABLE = 'CHAOS_KEY';

/** Answers below 500 are the API's own word; of these, too many requests is one that may be otherwise a moment later. */
const SERVER_FAULT = 500;

export function recordedClient({ proc, client, node, recorder }: RecordedClientOptions): RecordedClient {
  const recorded = recorderOf({ proc, node, recorder });
  const place = ({ pipelineId, runId }: RunName) => ({ namespaceId: NAMESPACE, pipelineId, runId });
  return {
    proc,
    start: async (key, pipelineId) =>
      named(
        await recorded(
          async () => idOf(await client.startRun({ namespaceId: NAMESPACE, pipelineId, ...once(key) })),
          (facts) => ({ op: 'start', key, in: { pipeline: pipelineId }, ...facts }),
        ),
        { key, pipelineId },
      ),
    get: (run) =>
      recorded(
        async () => seenOf((await client.getRun(place(run))).run),
        (facts) => ({ op: 'get', key: run.key, in: {}, ...facts }),
      ),
    cancel: (run, force) =>
      recorded(
        async () => {
          await client.cancelRun({ ...place(run), force });
          return {};
        },
        (facts) => ({ op: 'cancel', key: run.key, in: {}, ...facts }),
      ),
    retry: async (run, newKey) =>
      named(
        await recorded(
          async () => idOf(await client.retryRun({ ...place(run), idempotencyKey: newKey })),
          (facts) => ({ op: 'retry', key: run.key, in: { newKey }, ...facts }),
        ),
        { key: newKey, pipelineId: run.pipelineId },
      ),
    put: (run, { key, bytes }) =>
      recorded(
        async () => {
          await client.putRunObject({ ...place(run), key, force: false, body: bytes });
          return {};
        },
        (facts) => ({ op: 'put', key: objectKey(run, key), in: { sha256: sha256(bytes) }, ...facts }),
      ),
    read: (run, key) =>
      recorded(
        async () => ({ sha256: await digest((await client.getRunObject({ ...place(run), key })).body) }),
        (facts) => ({ op: 'read', key: objectKey(run, key), in: {}, ...facts }),
      ),
    log: (run, taskId) =>
      recorded(
        async () => ({ text: await logText(client, { ...place(run), taskId }) }),
        (facts) => ({ op: 'log', key: objectKey(run, taskId), in: {}, ...facts }),
      ),
  };
}

type Recorded = <T>(call: () => Promise<T>, write: (facts: AnswerFacts<T>) => Operation) => Promise<Told<T>>;

function recorderOf({ proc, node, recorder }: Omit<RecordedClientOptions, 'client'>): Recorded {
  return async (call, write) => {
    const begin = performance.now();
    const facts = { proc, node, call: begin };
    try {
      const out = await call();
      recorder.record(write({ ...facts, ret: performance.now(), out }));
      return { answer: out };
    } catch (error) {
      const ret = performance.now();
      const refusal = refusalOf(error);
      if (refusal !== null) {
        recorder.record(write({ ...facts, ret, err: refusal }));
        return { refused: refusal };
      }
      const err = error instanceof Error ? error.message : String(error);
      recorder.record(write({ ...facts, err: `${err} (after ${Math.round(ret - begin)} ms)` }));
      return { unknown: err };
    }
  };
}

interface AnswerFacts<T> {
  readonly proc: number;
  readonly node: string;
  readonly call: number;
  readonly ret?: number;
  readonly out?: T;
  readonly err?: string;
}

/** '' also when there is none, as of a body that never began. */
export async function logText(client: Client, of: Parameters<Client['getLogs']>[0]): Promise<string> {
  let text = '';
  try {
    for await (const piece of client.getLogs(of)) text += piece;
  } catch (error) {
    const isNone =
      isMissing(error) || (error instanceof StreamClosedError && error.message.startsWith('There is no log'));
    if (!isNone) throw error;
  }
  return text;
}

/** An object's or a task's name in the history: `<pipeline>/<run>/<key>`. */
export function objectKey({ pipelineId, runId }: Omit<RunName, 'key'>, key: string): string {
  return `${pipelineId}/${runId}/${key}`;
}

export async function digest(body: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function once(key: string) {
  return { idempotencyKey: key, variables: { [KEY_VARIABLE]: key } };
}

function idOf({ run }: { readonly run: Run }): { readonly runId: number } {
  return { runId: run.run_id };
}

function named(told: Told<{ readonly runId: number }>, name: Omit<RunName, 'runId'>): Told<RunName> {
  return 'answer' in told ? { answer: { ...name, runId: told.answer.runId } } : told;
}

function seenOf({ run_id: runId, state, status }: Run): RunSeen {
  if (state === 'unknown') throw new Error(`run ${runId} is in state unknown`);
  return { runId, state, status };
}

/** The contract answers 400 for an object that is not there, and 404 for all else. */
export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.message === 'Object not found');
}

/** Null when the call may have had an effect. The words are those that the checks know. */
function refusalOf(error: unknown): string | null {
  if (!(error instanceof ApiError) || error.status >= SERVER_FAULT) return null;
  const { status, message } = error;
  if (isMissing(error)) return 'not found';
  if (status === 409 && message.includes('is not over')) return 'not over';
  if (status === 409 && message.includes('was successful')) return 'was successful';
  return `${status} ${message}`;
}
