// Routes of deployments.

import type { Rest, RestApp } from '../app.ts';
import { answers, ref } from '../schemas/common.ts';
import * as schemas from '../schemas/deployments.ts';
import { PipelineParams } from '../schemas/pipelines.ts';
import { wireDeployment } from '../wire/deployments.ts';
import { ONE_PIPELINE, pipelineOf } from './pipelines.ts';

const TAGS = ['Deployments'];
const ALL = `${ONE_PIPELINE}/deployments`;

export function deploymentRoutes(app: RestApp, { operations: { deployments }, call }: Rest): void {
  app.get(
    ALL,
    {
      schema: {
        operationId: 'list_deployments',
        summary: 'List all deployments of a pipeline, oldest first.',
        tags: TAGS,
        params: PipelineParams,
        response: answers({ 200: ref(schemas.ListDeploymentsResponse) }),
      },
    },
    async (request) => ({
      deployments: (await call(deployments.listDeployments, request, pipelineOf(request.params))).map(wireDeployment),
    }),
  );

  app.get(
    `${ALL}/:deployment_id`,
    {
      schema: {
        operationId: 'get_deployment',
        summary: 'Get a deployment by its number.',
        tags: TAGS,
        params: schemas.DeploymentParams,
        response: answers({ 200: ref(schemas.GetDeploymentResponse) }),
      },
    },
    async (request) => {
      const input = { ...pipelineOf(request.params), deploymentId: request.params.deployment_id };
      return { deployment: wireDeployment(await call(deployments.getDeployment, request, input)) };
    },
  );
}
