// Routes of secrets: those of a pipeline, and global ones.

import type { SecretKey } from '../../operations/secrets.ts';
import type { Rest, RestApp } from '../app.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import { PipelineParams } from '../schemas/pipelines.ts';
import * as schemas from '../schemas/secrets.ts';
import { wireSecret } from '../wire/secrets.ts';
import { ONE_PIPELINE, pipelineOf } from './pipelines.ts';

const TAGS = ['Secrets'];
const OF_PIPELINE = `${ONE_PIPELINE}/secrets`;
const GLOBAL = '/api/secrets/global';

export function secretRoutes(app: RestApp, rest: Rest): void {
  allPipelineSecrets(app, rest);
  onePipelineSecret(app, rest);
  allGlobalSecrets(app, rest);
  oneGlobalSecret(app, rest);
}

function allPipelineSecrets(app: RestApp, { operations: { secrets }, call }: Rest): void {
  app.get(
    OF_PIPELINE,
    {
      schema: {
        operationId: 'list_pipeline_secrets',
        summary: 'List all secrets of a pipeline, without their values.',
        tags: TAGS,
        params: PipelineParams,
        response: answers({ 200: ref(schemas.ListPipelineSecretsResponse) }),
      },
    },
    async (request) => {
      const place = pipelineOf(request.params);
      const found = await call(secrets.pipeline.list, request, place);
      return { secrets: found.map((record) => readBy(record, place.namespaceId)) };
    },
  );

  app.post(
    OF_PIPELINE,
    {
      schema: {
        operationId: 'put_pipeline_secret',
        summary: 'Store a secret for a pipeline.',
        tags: TAGS,
        params: PipelineParams,
        body: ref(schemas.PutPipelineSecretRequest),
        response: answers({ 201: ref(schemas.PutPipelineSecretResponse) }),
      },
    },
    async (request, reply) => {
      const input = { ...pipelineOf(request.params), ...request.body };
      return reply.code(201).send({ secret: wireSecret(await call(secrets.pipeline.put, request, input)) });
    },
  );
}

function onePipelineSecret(app: RestApp, { operations: { secrets }, call }: Rest): void {
  app.get(
    `${OF_PIPELINE}/:key`,
    {
      schema: {
        operationId: 'get_pipeline_secret',
        summary: 'Get a secret of a pipeline, with its value when asked for.',
        tags: TAGS,
        params: schemas.PipelineSecretParams,
        querystring: schemas.ReadSecretQuery,
        response: answers({ 200: ref(schemas.GetPipelineSecretResponse) }),
      },
    },
    async (request) => {
      const place = pipelineOf(request.params);
      const input = { ...place, key: request.params.key, includeSecret: request.query.include_secret };
      const { record, value } = await call(secrets.pipeline.get, request, input);
      return { metadata: readBy(record, place.namespaceId), secret: value };
    },
  );

  app.delete(
    `${OF_PIPELINE}/:key`,
    {
      schema: {
        operationId: 'delete_pipeline_secret',
        summary: 'Delete a secret of a pipeline.',
        tags: TAGS,
        params: schemas.PipelineSecretParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(secrets.pipeline.delete, request, { ...pipelineOf(request.params), key: request.params.key });
      return reply.code(204).send(null);
    },
  );
}

/** Reading shows the pipeline's own namespace as the only one (spec 6.3). */
function readBy(record: SecretKey, namespaceId: string) {
  return { ...wireSecret(record), namespaces: [namespaceId] };
}

function allGlobalSecrets(app: RestApp, { operations: { secrets }, call }: Rest): void {
  app.get(
    GLOBAL,
    {
      schema: {
        operationId: 'list_global_secrets',
        summary: 'List all global secrets, without their values.',
        tags: TAGS,
        response: answers({ 200: ref(schemas.ListGlobalSecretsResponse) }),
      },
    },
    async (request) => ({ secrets: (await call(secrets.global.list, request, undefined)).map(wireSecret) }),
  );

  app.post(
    GLOBAL,
    {
      schema: {
        operationId: 'put_global_secret',
        summary: 'Store a secret for the pipelines of some namespaces.',
        tags: TAGS,
        body: ref(schemas.PutGlobalSecretRequest),
        response: answers({ 201: ref(schemas.PutGlobalSecretResponse) }),
      },
    },
    async (request, reply) =>
      reply.code(201).send({ secret: wireSecret(await call(secrets.global.put, request, request.body)) }),
  );
}

function oneGlobalSecret(app: RestApp, { operations: { secrets }, call }: Rest): void {
  app.get(
    `${GLOBAL}/:key`,
    {
      schema: {
        operationId: 'get_global_secret',
        summary: 'Get a global secret, with its value when asked for.',
        tags: TAGS,
        params: schemas.GlobalSecretParams,
        querystring: schemas.ReadSecretQuery,
        response: answers({ 200: ref(schemas.GetGlobalSecretResponse) }),
      },
    },
    async (request) => {
      const input = { key: request.params.key, includeSecret: request.query.include_secret };
      const { record, value } = await call(secrets.global.get, request, input);
      return { metadata: wireSecret(record), secret: value };
    },
  );

  app.delete(
    `${GLOBAL}/:key`,
    {
      schema: {
        operationId: 'delete_global_secret',
        summary: 'Delete a global secret.',
        tags: TAGS,
        params: schemas.GlobalSecretParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(secrets.global.delete, request, { key: request.params.key });
      return reply.code(204).send(null);
    },
  );
}
