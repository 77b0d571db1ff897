// The streams of the API: events, task logs, and a shell in a running task.

import { StreamClosedError, UnreachableError } from './errors.ts';
import { parseAnswer } from './parse-answers.ts';
import { openSocket } from './sockets.ts';
import type { Transport } from './transport.ts';
import type { Event, OfTask } from './types.ts';

export interface EventOptions {
  /** Events of the past first. */
  readonly history?: boolean;
  /** Newest first, then end; wants `history`. */
  readonly reverse?: boolean;
  /** Only those after this event's id: where a broken stream goes on. */
  readonly after?: string;
  readonly kind?: string;
  readonly namespaceId?: string;
  readonly pipelineId?: string;
  readonly runId?: number;
  readonly signal?: AbortSignal;
}

export interface LogStreamOptions extends OfTask {
  /** Go on until the task ends (default true). */
  readonly follow?: boolean;
  /** Only the last lines. */
  readonly tail?: number;
  /** Only what came at or after this instant (ms). */
  readonly since?: number;
  /** Each line begins with its time. */
  readonly timestamps?: boolean;
  /** Absent = the newest one. */
  readonly attempt?: number;
  /** Wait for the task to start instead of being refused. */
  readonly wait?: boolean;
  readonly signal?: AbortSignal;
}

export interface AttachOptions extends OfTask {
  /** Split at spaces by the server. */
  readonly command: string;
  readonly signal?: AbortSignal;
}

export interface AttachSession {
  readonly output: AsyncIterable<Uint8Array>;
  /** One line of input; the server adds the line's end. */
  send(line: string): void;
  close(): void;
}

export interface Streams {
  /** Goes on by itself after a broken connection, without a gap and without a double. */
  streamEvents(options?: EventOptions): AsyncIterable<Event>;
  /** Lines, each with its line end (the last may have none). */
  getLogs(options: LogStreamOptions): AsyncIterable<string>;
  attachTask(options: AttachOptions): Promise<AttachSession>;
}

/** The server is gone for a restart longer than this: the stream ends with the error. */
const RECONNECT_TRIES_MAX = 20;
const RECONNECT_WAIT_MS = 250;
/** Closed because the server stops, or because of a fault of its own: a new connection may find another one. */
const TRY_AGAIN_CODES: ReadonlySet<number> = new Set([1001, 1006, 1011, 1012]);

export function createStreams(transport: Transport): Streams {
  return {
    streamEvents: (options = {}) => resumedEvents(transport, options),
    getLogs: (options) => logLines(transport, options),
    attachTask: async ({ command, signal, ...task }) => {
      const socket = await openSocket(transport, { path: `${taskPath(task)}/attach`, query: { command }, signal });
      return { output: socket.messages, send: (line) => socket.send(line), close: () => socket.close() };
    },
  };
}

function taskPath({ namespaceId, pipelineId, runId, taskId }: OfTask): string {
  const part = encodeURIComponent;
  return `/api/namespaces/${part(namespaceId)}/pipelines/${part(pipelineId)}/runs/${runId}/tasks/${part(taskId)}`;
}

async function* resumedEvents(transport: Transport, options: EventOptions): AsyncGenerator<Event> {
  let after = options.after;
  let failures = 0;
  for (;;) {
    try {
      for await (const event of events(transport, { ...options, ...(after === undefined ? {} : { after }) })) {
        after = event.id;
        failures = 0;
        yield event;
      }
      return;
    } catch (error) {
      failures += 1;
      // Without an event to go on from, what was missed meanwhile is only found again with the history.
      if (!mayResume(error) || options.signal?.aborted === true || options.reverse === true) throw error;
      if (failures > RECONNECT_TRIES_MAX || (after === undefined && options.history !== true)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_WAIT_MS));
    }
  }
}

function mayResume(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof StreamClosedError && TRY_AGAIN_CODES.has(error.code));
}

async function* events(transport: Transport, options: EventOptions): AsyncGenerator<Event> {
  const { history, reverse, after, kind, namespaceId, pipelineId, runId, signal } = options;
  const query = { history, reverse, after, kind, namespace_id: namespaceId, pipeline_id: pipelineId, run_id: runId };
  const socket = await openSocket(transport, { path: '/api/events', query, signal });
  for await (const message of socket.messages) yield parseAnswer<Event>(message.toString());
}

async function* logLines(transport: Transport, options: LogStreamOptions): AsyncGenerator<string> {
  const { follow, tail, since, timestamps, attempt, wait, signal, ...task } = options;
  const query = { follow, tail, since, timestamps, attempt, wait };
  const socket = await openSocket(transport, { path: `${taskPath(task)}/logs`, query, signal });
  for await (const message of socket.messages) yield message.toString();
}
