// Branded identifiers and their rules (spec 2.1). Ids are parsed once, at the edge; inside, the brand is trusted.

import { AppError } from './errors.ts';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

export type NamespaceId = Branded<string, 'NamespaceId'>;
export type PipelineId = Branded<string, 'PipelineId'>;
export type TaskId = Branded<string, 'TaskId'>;
/** Decimal run number in its pipeline, from 1. */
export type RunId = Branded<number, 'RunId'>;
/** `<namespace>_<pipeline>_<run>_<task>_<attempt>`: deterministic, the idempotency key for the engine. */
export type AttemptId = Branded<string, 'AttemptId'>;
/** UUID v7 text; ordering events by this text is the global order. */
export type EventId = Branded<string, 'EventId'>;

/** Milliseconds since the Unix epoch, UTC; 0 on the wire means "has not happened". */
export type Instant = number;

const IDENTIFIER = /^[A-Za-z0-9-]{3,32}$/;
export const IDENTIFIER_RULE = '3 to 32 characters, each a letter, a digit or "-"';

/** Looser than other ids: published pipelines use underscores. It stays safe in file and container names. */
const TASK_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
export const TASK_ID_RULE =
  '1 to 64 characters, each a letter, a digit, "_", "." or "-", the first a letter or a digit';

/** Object and secret keys: any single path segment, bounded so that they fit in a file name and a store key. */
export const KEY_BYTES_MAX = 255;

export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

export function isTaskId(text: string): boolean {
  return TASK_ID.test(text);
}

export function parseNamespaceId(text: string, field = 'namespace id'): NamespaceId {
  if (!isIdentifier(text)) throw badId(field, text, IDENTIFIER_RULE);
  return text as NamespaceId;
}

export function parsePipelineId(text: string, field = 'pipeline id'): PipelineId {
  if (!isIdentifier(text)) throw badId(field, text, IDENTIFIER_RULE);
  return text as PipelineId;
}

export function parseTaskId(text: string, field = 'task id'): TaskId {
  if (!isTaskId(text)) throw badId(field, text, TASK_ID_RULE);
  return text as TaskId;
}

export function parseRunId(value: string | number, field = 'run id'): RunId {
  const number = typeof value === 'number' ? value : /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number) || number < 1) throw badId(field, String(value), 'a whole number from 1');
  return number as RunId;
}

export interface RunKey {
  readonly namespaceId: NamespaceId;
  readonly pipelineId: PipelineId;
  readonly runId: RunId;
}

export interface TaskKey extends RunKey {
  readonly taskId: TaskId;
}

/** Text form of a run key, for maps and logs: `<namespace>/<pipeline>/<run>`. */
export function runKeyText(key: RunKey): string {
  return `${key.namespaceId}/${key.pipelineId}/${key.runId}`;
}

/** The key of a text that `runKeyText` made. */
export function parseRunKeyText(text: string): RunKey {
  const [namespaceId = '', pipelineId = '', runId = ''] = text.split('/');
  return {
    namespaceId: parseNamespaceId(namespaceId),
    pipelineId: parsePipelineId(pipelineId),
    runId: parseRunId(runId),
  };
}

/** Namespace, pipeline and run hold no underscore, so the parts can be told apart again (spec 2.1). */
export function attemptId(key: TaskKey, attempt: number): AttemptId {
  return `${key.namespaceId}_${key.pipelineId}_${key.runId}_${key.taskId}_${attempt}` as AttemptId;
}

export interface AttemptKey extends TaskKey {
  readonly attempt: number;
}

/** Takes an attempt id apart; null when the text is not one of ours. */
export function parseAttemptId(text: string): AttemptKey | null {
  const match = /^([A-Za-z0-9-]{3,32})_([A-Za-z0-9-]{3,32})_([0-9]{1,16})_(.+)_([0-9]{1,6})$/.exec(text);
  if (match === null) return null;
  const [, namespaceId = '', pipelineId = '', runId = '', taskId = '', attempt = ''] = match;
  if (!isTaskId(taskId)) return null;
  return {
    namespaceId: namespaceId as NamespaceId,
    pipelineId: pipelineId as PipelineId,
    runId: Number(runId) as RunId,
    taskId: taskId as TaskId,
    attempt: Number(attempt),
  };
}

function badId(field: string, text: string, rule: string): AppError {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return new AppError('invalid', `${field}: ${JSON.stringify(shown)} is not valid; expected ${rule}.`);
}
