// An API server that listens, with its client, and raw sockets for what no client shows: close codes and refusals.

import { WebSocket } from 'ws';
import { createClient } from '../../../sdk/client/client.ts';
import type { Client } from '../../../sdk/client/client.ts';
import { keys } from '../../../store/keys.ts';
import type { EventKind, StoredEvent } from '../../../store/model/event.ts';
import type { CompleteTask, TaskExecution } from '../../../store/model/run.ts';
import { eventCounterRecord, segmentRecord } from '../../../store/records/event-records.ts';
import { taskRecord } from '../../../store/records/run-records.ts';
import type { StateStore } from '../../../store/state/port.ts';
import { NOON } from '../worlds.ts';
import { VERSION_HEADER, anApi } from './api-world.ts';
import type { ApiWorld, WorldOptions } from './api-world.ts';

export interface StreamWorld extends ApiWorld {
  readonly url: string;
  readonly client: Client;
}

export async function aListeningApi(options: WorldOptions = {}): Promise<StreamWorld> {
  const api = await anApi(options);
  const url = await api.app.listen({ port: 0, host: '127.0.0.1' });
  return { ...api, url, client: createClient({ baseUrl: url, token: '' }) };
}

export interface Talk {
  /** 101, or the status of the refusal. */
  readonly status: number;
  readonly requestId: string;
  readonly messages: readonly string[];
  readonly code: number;
  readonly reason: string;
}

/** Listens to a stream until it is closed. `onMessage` may answer. */
export function listen(
  { url }: StreamWorld,
  path: string,
  onMessage: (socket: WebSocket, text: string) => void = () => undefined,
): Promise<Talk> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers: VERSION_HEADER });
  const messages: string[] = [];
  let status = 0;
  let requestId = '';
  return new Promise((resolve, reject) => {
    socket.on('upgrade', (answer) => {
      status = 101;
      requestId = String(answer.headers['x-request-id']);
    });
    socket.on('unexpected-response', (_request, answer) => {
      resolve({
        status: answer.statusCode ?? 0,
        requestId: String(answer.headers['x-request-id']),
        messages,
        code: 0,
        reason: '',
      });
    });
    socket.on('message', (data: Buffer) => {
      messages.push(data.toString());
      onMessage(socket, data.toString());
    });
    socket.on('error', reject);
    socket.on('close', (code, reason) => resolve({ status, requestId, messages, code, reason: reason.toString() }));
  });
}

/** Writes events as the leader does: one segment for each list. */
export async function emit(state: StateStore, ...segments: readonly (readonly StoredEvent[])[]): Promise<void> {
  for (const events of segments) {
    const found = await state.get(keys.eventCounter());
    const last = (found === null ? 0 : eventCounterRecord.decode(found.value).last) + 1;
    const counter = eventCounterRecord.encode({ first: 1, last, emitted: events.at(-1)?.emitted ?? NOON });
    await state.commit({
      compares: [],
      writes: [
        { op: 'put', key: keys.event(last), value: segmentRecord.encode({ events }) },
        { op: 'put', key: keys.eventCounter(), value: counter },
      ],
    });
  }
}

export function anEvent(namespace: string, emitted = NOON): StoredEvent {
  return { emitted, kind: { created_namespace: { namespace_id: namespace } } as unknown as EventKind };
}

export async function putTask(state: StateStore, task: TaskExecution): Promise<void> {
  await state.commit({ compares: [], writes: [{ op: 'put', key: keys.task(task), value: taskRecord.encode(task) }] });
}

const OF_TASK = { namespaceId: 'default', pipelineId: 'nightly', taskId: 'build', created: NOON };

/** Task `build` of a run, running its n-th attempt. */
export function aRunningTask(runId: number, attempt = 1, state: 'processing' | 'running' = 'running'): TaskExecution {
  const past = Array.from({ length: attempt - 1 }, (_, index) => aPast(index + 1));
  const facts = { ...OF_TASK, runId, past, state, attempt, intentAt: NOON, stop: null };
  const more = state === 'running' ? { startedAt: NOON, deadline: Number.MAX_SAFE_INTEGER } : { note: '' };
  return { ...facts, ...more } as unknown as TaskExecution;
}

export function aCompleteTask(runId: number, changes: Partial<CompleteTask> = {}): CompleteTask {
  const facts = { ...OF_TASK, runId, past: [aPast(1)], state: 'complete', status: 'successful', statusReason: null };
  const times = { exitCode: 0, startedAt: NOON, ended: NOON, logs: 'archived', carriedFrom: 0 };
  return { ...facts, ...times, ...changes } as unknown as CompleteTask;
}

export function aPast(attempt: number) {
  return { attempt, startedAt: NOON, endedAt: NOON, end: { kind: 'exited', code: 0 } } as const;
}
