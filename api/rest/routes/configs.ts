// Routes of configs.

import type { Static } from 'typebox';
import type { Rest, RestApp } from '../app.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import * as schemas from '../schemas/configs.ts';
import { DeployPipelineConfigResponse } from '../schemas/deployments.ts';
import { PipelineParams } from '../schemas/pipelines.ts';
import { wireConfig, wireRegistered } from '../wire/configs.ts';
import { wireDeployment } from '../wire/deployments.ts';
import { ONE_PIPELINE, pipelineOf } from './pipelines.ts';

const TAGS = ['Configs'];
const ALL = `${ONE_PIPELINE}/configs`;
const ONE = `${ALL}/:version`;

const versionOf = (params: Static<typeof schemas.ConfigParams>) => ({ ...pipelineOf(params), version: params.version });

export function configRoutes(app: RestApp, rest: Rest): void {
  allVersions(app, rest);
  oneVersion(app, rest);
}

function allVersions(app: RestApp, { operations: { configs }, call }: Rest): void {
  app.get(
    ALL,
    {
      schema: {
        operationId: 'list_configs',
        summary: 'List all versions of a pipeline, newest first.',
        tags: TAGS,
        params: PipelineParams,
        response: answers({ 200: ref(schemas.ListPipelineConfigsResponse) }),
      },
    },
    async (request) => ({
      configs: (await call(configs.listConfigs, request, pipelineOf(request.params))).map(wireConfig),
    }),
  );

  app.post(
    ALL,
    {
      schema: {
        operationId: 'register_config',
        summary: 'Register a new version of a pipeline; the first one creates the pipeline.',
        tags: TAGS,
        params: PipelineParams,
        body: ref(schemas.RegisterPipelineConfigRequest),
        response: answers({ 201: ref(schemas.RegisterPipelineConfigResponse) }),
      },
    },
    async (request, reply) => {
      const input = { ...pipelineOf(request.params), config: request.body.config };
      const registered = await call(configs.registerConfig, request, input);
      return reply.code(201).send({ pipeline: wireRegistered(registered) });
    },
  );
}

function oneVersion(app: RestApp, { operations: { configs, deployments }, call }: Rest): void {
  app.get(
    ONE,
    {
      schema: {
        operationId: 'get_config',
        summary: 'Get a version of a pipeline; 0 means the newest.',
        tags: TAGS,
        params: schemas.ConfigParams,
        response: answers({ 200: ref(schemas.GetPipelineConfigResponse) }),
      },
    },
    async (request) => ({
      config: wireConfig(await call(configs.getConfig, request, versionOf(request.params))),
    }),
  );

  app.post(
    ONE,
    {
      schema: {
        operationId: 'deploy_config',
        summary: 'Make a version the one that new runs use.',
        tags: TAGS,
        params: schemas.ConfigParams,
        response: answers({ 201: ref(DeployPipelineConfigResponse) }),
      },
    },
    async (request, reply) => {
      const deployment = await call(deployments.deployConfig, request, versionOf(request.params));
      return reply.code(201).send({ deployment: wireDeployment(deployment) });
    },
  );

  app.delete(
    ONE,
    {
      schema: {
        operationId: 'delete_config',
        summary: 'Delete a version that is neither the newest nor live.',
        tags: TAGS,
        params: schemas.ConfigParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(configs.deleteConfig, request, versionOf(request.params));
      return reply.code(204).send(null);
    },
  );
}
