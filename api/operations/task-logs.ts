// Reading the log of a task execution, wherever it lies: live in the engine, archived in the object store, or first the one and then
// the other. Follows the task from attempt to attempt, and outlives an engine that cannot be reached for a while.

import { setTimeout as pause } from 'node:timers/promises';
import { keys } from '../../store/keys.ts';
import { archiveName, readArchive } from '../../store/logs/archive.ts';
import { AppError, isAppError } from '../../store/model/errors.ts';
import { attemptId } from '../../store/model/ids.ts';
import type { AttemptKey } from '../../store/model/ids.ts';
import type { TaskExecution } from '../../store/model/run.ts';
import type { KeyRange, StateStore } from '../../store/state/port.ts';
import type { ApiDeps, LiveLogChunk, LiveStream } from './deps.ts';
import { LineRing, createLineCutter } from './log-lines.ts';
import type { LogLine } from './log-lines.ts';
import type { TaskPlace } from './parse-place.ts';
import { getExecution } from './tasks.ts';

export interface LogQuery extends TaskPlace {
  /** Go on until the task ends; else stop at what is there now. Absent = true. */
  readonly follow?: boolean | undefined;
  /** Only the last lines of what is there now. */
  readonly tail?: number | undefined;
  /** Only lines that began at or after this instant. */
  readonly since?: number | undefined;
  /** Each line begins with its time (RFC 3339). */
  readonly timestamps?: boolean | undefined;
  /** Only this attempt; absent = the newest one, and those that follow it. */
  readonly attempt?: number | undefined;
  /** A task that has not started yet is waited for. */
  readonly wait?: boolean | undefined;
}

/** An engine that cannot be reached is asked again after this time. */
const ENGINE_RETRY_MS = 500;

/** Lines, each with its line end. Throws 'not_found' for an unknown task, 'conflict' when there is no log, and says why. */
export async function* readTaskLog(deps: ApiDeps, query: LogQuery, signal: AbortSignal): AsyncGenerator<string> {
  const { follow = true } = query;
  let shown: number | null = query.attempt === undefined ? null : query.attempt - 1;
  let { tail } = query;
  while (!signal.aborted) {
    const { revision, execution } = await currentTask(deps, query);
    const next = nextAttempt(execution, shown);
    if (next === null) {
      if (!mayWait(execution, query, shown)) return;
      await changed(deps.state, watchedKeys(execution), { fromRevision: revision + 1, signal });
      continue;
    }
    const found = yield* attemptLines(deps, { execution, attempt: next, query: { ...query, follow, tail }, signal });
    if (!found && execution.state !== 'complete' && follow) {
      // Its body has not started yet.
      await changed(deps.state, watchedKeys(execution), { fromRevision: revision + 1, signal });
      continue;
    }
    if (query.attempt !== undefined || !follow) return;
    shown = next;
    tail = undefined;
  }
}

interface Current {
  /** What was read is not older than this. */
  readonly revision: number;
  readonly execution: TaskExecution;
}

/** A task whose result was taken over has its log where it ran. */
async function currentTask(deps: ApiDeps, place: TaskPlace): Promise<Current> {
  const { revision } = await deps.state.range(keys.eventSpan({ first: 0, last: 0 }), { limit: 1, keysOnly: true });
  const execution = await getExecution(deps, place);
  if (execution.state === 'complete' && execution.carriedFrom > 0) {
    return currentTask(deps, { ...place, runId: execution.carriedFrom });
  }
  return { revision, execution };
}

/** The attempt to show now; null = none yet, or none any more. */
function nextAttempt(execution: TaskExecution, shown: number | null): number | null {
  const newest =
    execution.state === 'processing' || execution.state === 'running'
      ? execution.attempt
      : (execution.past.at(-1)?.attempt ?? 0);
  const next = shown === null ? newest : shown + 1;
  return next >= 1 && next <= newest ? next : null;
}

/** Whether there is anything to wait for; throws 'conflict' when nothing was ever shown and nothing will be. */
function mayWait(execution: TaskExecution, query: LogQuery, shown: number | null): boolean {
  const shownAny = shown !== null && shown !== (query.attempt ?? 0) - 1;
  if (execution.state === 'complete') {
    if (shownAny) return false;
    throw new AppError('conflict', noLogText(execution));
  }
  if (shownAny || query.wait === true) return true;
  throw new AppError('conflict', 'The task has not started yet.');
}

function noLogText(execution: TaskExecution): string {
  if (execution.past.length > 0) return `There is no such attempt: the task had ${execution.past.length}.`;
  return 'There is no log: the task was never started.';
}

function watchedKeys(execution: TaskExecution): readonly KeyRange[] {
  // The run as well: it may end, and with it a task that never got a record.
  return [keys.task(execution), keys.run(execution)].map((key) => ({ start: key, end: `${key}\0` }));
}

interface AttemptOptions {
  readonly execution: TaskExecution;
  readonly attempt: number;
  readonly query: LogQuery;
  readonly signal: AbortSignal;
}

/** False when the attempt has no log at any place. */
async function* attemptLines(deps: ApiDeps, options: AttemptOptions): AsyncGenerator<string, boolean> {
  const { execution, query } = options;
  const { tail } = query;
  refuseWhenGone(options);
  const position = { stdout: 0, stderr: 0 };
  const cutter = createLineCutter();
  const isLive = execution.state !== 'complete' && query.follow === true;
  const show = (lines: readonly LogLine[]) => lines.filter(({ at }) => at >= (query.since ?? 0));
  let found = true;
  if (tail !== undefined) {
    const ring = new LineRing(tail);
    const chunks = chunksOf(deps, { ...options, position, follow: false, onAbsent: () => (found = false) });
    for await (const chunk of chunks) for (const line of show(cutter.push(chunk))) ring.add(line);
    if (!isLive) for (const line of show(cutter.end())) ring.add(line);
    yield* textsOf(ring.lines(), query);
    if (!isLive || !found) return found;
  }
  const chunks = chunksOf(deps, { ...options, position, follow: isLive, onAbsent: () => (found = false) });
  for await (const chunk of chunks) yield* textsOf(show(cutter.push(chunk)), query);
  yield* textsOf(show(cutter.end()), query);
  return found;
}

function* textsOf(lines: readonly LogLine[], { timestamps }: LogQuery): Generator<string> {
  for (const { at, text } of lines) yield timestamps === true ? `${new Date(at).toISOString()} ${text}` : text;
}

function refuseWhenGone({ execution, attempt }: AttemptOptions): void {
  if (execution.state !== 'complete') return;
  if (execution.logs === 'removed') throw new AppError('conflict', 'The log was removed.');
  if (execution.logs === 'expired') throw new AppError('conflict', 'The log has expired.');
  const isLast = execution.past.at(-1)?.attempt === attempt;
  if (execution.logs === 'none' && isLast) {
    throw new AppError('conflict', 'There is no log: the task never ran, or its engine did not keep it.');
  }
}

interface ChunkOptions extends AttemptOptions {
  /** How much of each stream is delivered; kept up to date. */
  readonly position: Record<LiveStream, number>;
  readonly follow: boolean;
  readonly onAbsent: () => void;
}

async function* chunksOf(deps: ApiDeps, options: ChunkOptions): AsyncGenerator<LiveLogChunk> {
  const { execution, attempt, follow, signal } = options;
  const isArchived = execution.state === 'complete' && execution.logs !== 'engine';
  const key = { ...execution, attempt };
  while (!isArchived && !signal.aborted) {
    try {
      yield* liveChunks(deps, options, follow);
      // A log that ended because the engine let go of the attempt looks as if it were whole. Asked once more, such an engine
      // does not know the attempt, and the rest is in the archive.
      yield* liveChunks(deps, options, false);
      return;
    } catch (error) {
      if (isAppError(error, 'not_found')) break;
      if (!isAppError(error, 'unavailable') || !follow) throw error;
      await pause(ENGINE_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  yield* archivedChunks(deps, key, options);
}

async function* liveChunks(
  { live }: ApiDeps,
  { execution, attempt, position, signal }: ChunkOptions,
  follow: boolean,
): AsyncGenerator<LiveLogChunk> {
  const from = { ...position };
  for await (const chunk of live.logs(attemptId(execution, attempt), { from, follow, signal })) {
    position[chunk.stream] += chunk.bytes.length;
    yield chunk;
  }
}

/** What the engine has forgotten by now, from where it stopped. */
async function* archivedChunks(
  { objects }: ApiDeps,
  key: AttemptKey,
  { position, execution, onAbsent }: ChunkOptions,
): AsyncGenerator<LiveLogChunk> {
  const isLast = execution.past.at(-1)?.attempt === key.attempt;
  if (execution.state === 'complete' && execution.logs === 'empty' && isLast) return;
  const skip = { ...position };
  try {
    for await (const chunk of readArchive(objects, archiveName(key))) {
      const { stream, bytes } = chunk;
      const skipped = Math.min(skip[stream], bytes.length);
      skip[stream] -= skipped;
      if (skipped === bytes.length) continue;
      position[stream] += bytes.length - skipped;
      yield skipped === 0 ? chunk : { ...chunk, bytes: bytes.subarray(skipped) };
    }
  } catch (error) {
    if (!isAppError(error, 'not_found')) throw error;
    onAbsent();
  }
}

/** Resolves after the next change in one of the ranges, or when the signal aborts; perhaps sooner than that. */
async function changed(
  state: StateStore,
  ranges: readonly KeyRange[],
  { fromRevision, signal }: { readonly fromRevision: number; readonly signal: AbortSignal },
): Promise<void> {
  const enough = new AbortController();
  const either = AbortSignal.any([signal, enough.signal]);
  const first = async (range: KeyRange) => {
    const watch = await state.watch(range, { fromRevision, signal: either });
    await watch[Symbol.asyncIterator]().next();
  };
  try {
    // A revision that is gone already: the caller reads again anyway.
    await Promise.race(ranges.map((range) => first(range).catch(() => undefined)));
  } finally {
    enough.abort();
  }
}
