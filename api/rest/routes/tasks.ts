// Routes of task executions.

import type { Static } from 'typebox';
import type { Rest, RestApp } from '../app.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import { RunParams } from '../schemas/runs.ts';
import * as schemas from '../schemas/tasks.ts';
import { wireTaskExecution } from '../wire/tasks.ts';
import { ONE_RUN, runOf } from './runs.ts';

const TAGS = ['Tasks'];
const ALL = `${ONE_RUN}/tasks`;
/** Base of all routes below a task execution. */
export const ONE_TASK = `${ALL}/:task_id`;

export function taskOf(params: Static<typeof schemas.TaskParams>) {
  return { ...runOf(params), taskId: params.task_id };
}

export function taskRoutes(app: RestApp, { operations: { tasks }, call }: Rest): void {
  app.get(
    ALL,
    {
      schema: {
        operationId: 'list_task_executions',
        summary: 'List all task executions of a run.',
        tags: TAGS,
        params: RunParams,
        response: answers({ 200: ref(schemas.ListTaskExecutionsResponse) }),
      },
    },
    async (request) => ({
      task_executions: (await call(tasks.listTasks, request, runOf(request.params))).map(wireTaskExecution),
    }),
  );

  app.get(
    ONE_TASK,
    {
      schema: {
        operationId: 'get_task_execution',
        summary: 'Get a task execution by its task id.',
        tags: TAGS,
        params: schemas.TaskParams,
        response: answers({ 200: ref(schemas.GetTaskExecutionResponse) }),
      },
    },
    async (request) => ({
      task_execution: wireTaskExecution(await call(tasks.getTask, request, taskOf(request.params))),
    }),
  );

  app.delete(
    ONE_TASK,
    {
      schema: {
        operationId: 'cancel_task_execution',
        summary: 'Cancel one task of a run.',
        tags: TAGS,
        params: schemas.TaskParams,
        querystring: schemas.CancelTaskQuery,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      const input = { ...taskOf(request.params), waitForSeconds: request.query.wait_for };
      await call(tasks.cancelTask, request, input);
      return reply.code(204).send(null);
    },
  );
}
