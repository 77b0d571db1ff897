// Routes of task logs, and of attaching to a running task.

import type { Rest, RestApp } from '../app.ts';
import type { Faults } from '../error-answers.ts';
import { STREAM_OUT } from '../openapi.ts';
import { Deleted, answers } from '../schemas/common.ts';
import { AttachQuery, LogQuery, TaskParams } from '../schemas/tasks.ts';
import { CLOSE, OUT_OF_EVENTS, createGate } from '../streams.ts';
import { ONE_TASK, taskOf } from './tasks.ts';

const TAGS = ['Tasks'];
const LOGS = `${ONE_TASK}/logs`;

export function logRoutes(app: RestApp, { operations: { logs }, call }: Rest): void {
  app.delete(
    LOGS,
    {
      schema: {
        operationId: 'delete_logs',
        summary: "Remove a complete task's log, in case it holds what it should not.",
        tags: TAGS,
        params: TaskParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(logs.deleteLogs, request, taskOf(request.params));
      return reply.code(204).send(null);
    },
  );
}

export function logStream(app: RestApp, rest: Rest, faults: Faults): void {
  const { getLogs } = rest.operations.logs;
  const { serve, ...gate } = createGate(rest, faults, getLogs.needs);
  app.route({
    method: 'GET',
    url: LOGS,
    schema: {
      ...STREAM_OUT,
      operationId: 'get_logs',
      summary: "Stream a task's log line by line, as WebSocket messages.",
      tags: TAGS,
      params: TaskParams,
      querystring: LogQuery,
    },
    ...gate,
    wsHandler: (socket, request) =>
      serve(socket, request, async ({ signal, send }) => {
        for await (const line of await getLogs.run({ ...taskOf(request.params), ...request.query, signal })) {
          if (signal.aborted) break;
          await send(line);
        }
        return OUT_OF_EVENTS;
      }),
  });
}

export function attachStream(app: RestApp, rest: Rest, faults: Faults): void {
  const { attachTask } = rest.operations.attach;
  const { serve, ...gate } = createGate(rest, faults, attachTask.needs);
  app.route({
    method: 'GET',
    url: `${ONE_TASK}/attach`,
    schema: {
      ...STREAM_OUT,
      operationId: 'attach_task_execution',
      summary: 'Run a command beside a running task: lines of input as text messages, output as binary ones.',
      tags: TAGS,
      params: TaskParams,
      querystring: AttachQuery,
    },
    ...gate,
    wsHandler: (socket, request) =>
      serve(socket, request, async ({ signal, send, onText }) => {
        const opening = attachTask.run({ ...taskOf(request.params), ...request.query, signal });
        // Before it is open: a program that talks to it does not wait. Terminals end a line with a carriage return.
        const write = async (line: string) => (await opening).write(Buffer.from(`${line}\r`));
        onText((line) => void write(line).catch(() => undefined));
        const session = await opening;
        try {
          for await (const { bytes } of session.output) await send(bytes);
          const code = await session.exitCode;
          return { code: CLOSE.normal, reason: code === null ? 'ended' : `exit code ${code}` };
        } finally {
          await session.close();
        }
      }),
  });
}
