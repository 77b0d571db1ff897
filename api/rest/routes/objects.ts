// Routes of objects: those of a pipeline, and those of a run.

import { OBJECT_BYTES_MAX } from '../../operations/objects.ts';
import type { Rest, RestApp } from '../app.ts';
import { leaveBodiesUnread, sendObject, uploadOf } from '../object-bodies.ts';
import { BYTES_IN, BYTES_OUT } from '../openapi.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import * as schemas from '../schemas/objects.ts';
import { PipelineParams } from '../schemas/pipelines.ts';
import { RunParams } from '../schemas/runs.ts';
import { wireObject } from '../wire/objects.ts';
import { ONE_PIPELINE, pipelineOf } from './pipelines.ts';
import { ONE_RUN, runOf } from './runs.ts';

const TAGS = ['Objects'];
const OF_PIPELINE = `${ONE_PIPELINE}/objects`;
const OF_RUN = `${ONE_RUN}/objects`;

export function objectRoutes(app: RestApp, rest: Rest): void {
  // In a scope of its own, since bodies are read in another way here.
  void app.register(async (scope) => {
    leaveBodiesUnread(scope);
    readPipelineObjects(scope, rest);
    changePipelineObjects(scope, rest);
    readRunObjects(scope, rest);
    changeRunObjects(scope, rest);
  });
}

function readPipelineObjects(app: RestApp, { operations: { objects }, call }: Rest): void {
  app.get(
    OF_PIPELINE,
    {
      schema: {
        operationId: 'list_pipeline_objects',
        summary: 'List all objects of a pipeline, oldest first.',
        tags: TAGS,
        params: PipelineParams,
        response: answers({ 200: ref(schemas.ListPipelineObjectsResponse) }),
      },
    },
    async (request) => ({
      objects: (await call(objects.pipeline.list, request, pipelineOf(request.params))).map(wireObject),
    }),
  );

  app.get(
    `${OF_PIPELINE}/:key`,
    {
      schema: {
        ...BYTES_OUT,
        operationId: 'get_pipeline_object',
        summary: 'Get the bytes of an object of a pipeline; a Range header is obeyed.',
        tags: TAGS,
        params: schemas.PipelineObjectParams,
      },
    },
    async (request, reply) => {
      const input = { ...pipelineOf(request.params), key: request.params.key };
      return sendObject(request, reply, await call(objects.pipeline.get, request, input));
    },
  );
}

function changePipelineObjects(app: RestApp, { operations: { objects }, call }: Rest): void {
  app.post(
    `${OF_PIPELINE}/:key`,
    {
      bodyLimit: OBJECT_BYTES_MAX,
      schema: {
        operationId: 'put_pipeline_object',
        summary: 'Store the bytes of the request as an object of a pipeline.',
        tags: TAGS,
        ...BYTES_IN,
        params: schemas.PipelineObjectParams,
        querystring: schemas.PutObjectQuery,
        response: answers({ 201: ref(schemas.PutPipelineObjectResponse) }),
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const input = { ...pipelineOf(params), key: params.key, force: query.force, body: uploadOf(request) };
      return reply.code(201).send({ object: wireObject(await call(objects.pipeline.put, request, input)) });
    },
  );

  app.delete(
    `${OF_PIPELINE}/:key`,
    {
      schema: {
        operationId: 'delete_pipeline_object',
        summary: 'Delete an object of a pipeline.',
        tags: TAGS,
        params: schemas.PipelineObjectParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(objects.pipeline.delete, request, { ...pipelineOf(request.params), key: request.params.key });
      return reply.code(204).send(null);
    },
  );
}

function readRunObjects(app: RestApp, { operations: { objects }, call }: Rest): void {
  app.get(
    OF_RUN,
    {
      schema: {
        operationId: 'list_run_objects',
        summary: 'List all objects of a run, oldest first.',
        tags: TAGS,
        params: RunParams,
        response: answers({ 200: ref(schemas.ListRunObjectsResponse) }),
      },
    },
    async (request) => ({ objects: (await call(objects.run.list, request, runOf(request.params))).map(wireObject) }),
  );

  app.get(
    `${OF_RUN}/:key`,
    {
      schema: {
        ...BYTES_OUT,
        operationId: 'get_run_object',
        summary: 'Get the bytes of an object of a run; a Range header is obeyed.',
        tags: TAGS,
        params: schemas.RunObjectParams,
      },
    },
    async (request, reply) => {
      const input = { ...runOf(request.params), key: request.params.key };
      return sendObject(request, reply, await call(objects.run.get, request, input));
    },
  );
}

function changeRunObjects(app: RestApp, { operations: { objects }, call }: Rest): void {
  app.post(
    `${OF_RUN}/:key`,
    {
      bodyLimit: OBJECT_BYTES_MAX,
      schema: {
        operationId: 'put_run_object',
        summary: 'Store the bytes of the request as an object of a run.',
        tags: TAGS,
        ...BYTES_IN,
        params: schemas.RunObjectParams,
        querystring: schemas.PutObjectQuery,
        response: answers({ 201: ref(schemas.PutRunObjectResponse) }),
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const input = { ...runOf(params), key: params.key, force: query.force, body: uploadOf(request) };
      return reply.code(201).send({ object: wireObject(await call(objects.run.put, request, input)) });
    },
  );

  app.delete(
    `${OF_RUN}/:key`,
    {
      schema: {
        operationId: 'delete_run_object',
        summary: 'Delete an object of a run.',
        tags: TAGS,
        params: schemas.RunObjectParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(objects.run.delete, request, { ...runOf(request.params), key: request.params.key });
      return reply.code(204).send(null);
    },
  );
}
