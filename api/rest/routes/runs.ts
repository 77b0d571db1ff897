// Routes of runs.

import type { Static } from 'typebox';
import type { Rest, RestApp } from '../app.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import { PipelineParams } from '../schemas/pipelines.ts';
import * as schemas from '../schemas/runs.ts';
import { wireRun } from '../wire/runs.ts';
import { ONE_PIPELINE, pipelineOf } from './pipelines.ts';

const TAGS = ['Runs'];
const ALL = `${ONE_PIPELINE}/runs`;
/** Base of all routes below a run. */
export const ONE_RUN = `${ALL}/:run_id`;

export function runOf(params: Static<typeof schemas.RunParams>) {
  return { ...pipelineOf(params), runId: params.run_id };
}

export function runRoutes(app: RestApp, rest: Rest): void {
  allRuns(app, rest);
  oneRun(app, rest);
}

function allRuns(app: RestApp, { operations: { runs }, call }: Rest): void {
  app.get(
    ALL,
    {
      schema: {
        operationId: 'list_runs',
        summary: 'List runs of a pipeline, oldest first unless reversed.',
        tags: TAGS,
        params: PipelineParams,
        querystring: schemas.ListRunsQuery,
        response: answers({ 200: ref(schemas.ListRunsResponse) }),
      },
    },
    async (request) => {
      const found = await call(runs.listRuns, request, { ...pipelineOf(request.params), ...request.query });
      return { runs: found.map(wireRun) };
    },
  );

  app.post(
    ALL,
    {
      schema: {
        operationId: 'start_run',
        summary: 'Start a run of a pipeline; it is queued durably when this answers.',
        tags: TAGS,
        params: PipelineParams,
        headers: schemas.StartRunHeaders,
        body: ref(schemas.StartRunRequest),
        response: answers({ 201: ref(schemas.StartRunResponse) }),
      },
    },
    async (request, reply) => {
      const run = await call(runs.startRun, request, {
        ...pipelineOf(request.params),
        variables: request.body.variables,
        idempotencyKey: request.headers['idempotency-key'],
      });
      return reply.code(201).send({ run: wireRun(run) });
    },
  );
}

function oneRun(app: RestApp, { operations: { runs }, call }: Rest): void {
  app.get(
    ONE_RUN,
    {
      schema: {
        operationId: 'get_run',
        summary: 'Get a run by its number.',
        tags: TAGS,
        params: schemas.RunParams,
        response: answers({ 200: ref(schemas.GetRunResponse) }),
      },
    },
    async (request) => ({ run: wireRun(await call(runs.getRun, request, runOf(request.params))) }),
  );

  app.delete(
    ONE_RUN,
    {
      schema: {
        operationId: 'cancel_run',
        summary: 'Cancel a run, queued or running; with force its bodies are killed at once.',
        tags: TAGS,
        params: schemas.RunParams,
        querystring: schemas.CancelRunQuery,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(runs.cancelRun, request, { ...runOf(request.params), ...request.query });
      return reply.code(204).send(null);
    },
  );

  app.post(
    `${ONE_RUN}/retry`,
    {
      schema: {
        operationId: 'retry_run',
        summary: 'Start a run that repeats what was not successful in this one.',
        tags: TAGS,
        params: schemas.RunParams,
        headers: schemas.StartRunHeaders,
        response: answers({ 201: ref(schemas.StartRunResponse) }),
      },
    },
    async (request, reply) => {
      const run = await call(runs.retryRun, request, {
        ...runOf(request.params),
        idempotencyKey: request.headers['idempotency-key'],
      });
      return reply.code(201).send({ run: wireRun(run) });
    },
  );
}
