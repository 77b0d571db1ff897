// The streams of the API: events, task logs, and a shell in a running task.

import { resumedEvents } from './resumed-events.ts';
import { resumedLog } from './resumed-log.ts';
import { openSocket } from './sockets.ts';
import type { EventOptions, LogStreamOptions, OpenLog } from './stream-options.ts';
import type { Transport } from './transport.ts';
import type { Event, OfTask, TaskExecution } from './types.ts';

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
  /** Lines, each with its line end (the last may have none). Goes on by itself as well. */
  getLogs(options: LogStreamOptions): AsyncIterable<string>;
  attachTask(options: AttachOptions): Promise<AttachSession>;
}

export function createStreams(transport: Transport): Streams {
  const newestAttempt = async (task: OfTask) => {
    const call = { method: 'GET', path: taskPath(task) } as const;
    const { task_execution: execution } = await transport.json<{ readonly task_execution: TaskExecution }>(call);
    return execution.attempt ?? 0;
  };
  return {
    streamEvents: (options = {}) => resumedEvents(transport, options),
    getLogs: (options) => resumedLog({ open: openLog(transport), newestAttempt, now: Date.now }, options),
    attachTask: async ({ command, signal, ...task }) => {
      const socket = await openSocket(transport, { path: `${taskPath(task)}/attach`, query: { command }, signal });
      return { output: socket.messages, send: (line) => socket.send(line), close: () => socket.close() };
    },
  };
}

function openLog(transport: Transport): OpenLog {
  return async ({ signal, patience: _patience, ...options }, isFirst) => {
    const { namespaceId, pipelineId, runId, taskId, follow, tail, since, timestamps, attempt, wait } = options;
    const path = `${taskPath({ namespaceId, pipelineId, runId, taskId })}/logs`;
    const query = { follow, tail, since, timestamps, attempt, wait };
    const open = () => openSocket(transport, { path, query, signal });
    const socket = await (isFirst ? transport.retried(open) : open());
    return texts(socket.messages);
  };
}

async function* texts(messages: AsyncIterable<Buffer>): AsyncGenerator<string> {
  for await (const message of messages) yield message.toString();
}

function taskPath({ namespaceId, pipelineId, runId, taskId }: OfTask): string {
  const part = encodeURIComponent;
  return `/api/namespaces/${part(namespaceId)}/pipelines/${part(pipelineId)}/runs/${runId}/tasks/${part(taskId)}`;
}
