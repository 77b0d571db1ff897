// Routes of pipelines.

import type { Static } from 'typebox';
import type { Rest, RestApp } from '../app.ts';
import { Deleted, Updated, answers, ref } from '../schemas/common.ts';
import { NamespaceParams } from '../schemas/namespaces.ts';
import * as schemas from '../schemas/pipelines.ts';
import { wirePipeline } from '../wire/pipelines.ts';

const TAGS = ['Pipelines'];
const ALL = '/api/namespaces/:namespace_id/pipelines';
/** Base of all routes below a pipeline. */
export const ONE_PIPELINE = `${ALL}/:pipeline_id`;

export function pipelineOf(params: Static<typeof schemas.PipelineParams>) {
  return { namespaceId: params.namespace_id, pipelineId: params.pipeline_id };
}

export function pipelineRoutes(app: RestApp, { operations: { pipelines }, call }: Rest): void {
  app.get(
    ALL,
    {
      schema: {
        operationId: 'list_pipelines',
        summary: 'List all pipelines of a namespace.',
        tags: TAGS,
        params: NamespaceParams,
        response: answers({ 200: ref(schemas.ListPipelinesResponse) }),
      },
    },
    async (request) => {
      const found = await call(pipelines.listPipelines, request, { namespaceId: request.params.namespace_id });
      return { pipelines: found.map(wirePipeline) };
    },
  );

  app.get(
    ONE_PIPELINE,
    {
      schema: {
        operationId: 'get_pipeline',
        summary: 'Get a pipeline by its id.',
        tags: TAGS,
        params: schemas.PipelineParams,
        response: answers({ 200: ref(schemas.GetPipelineResponse) }),
      },
    },
    async (request) => ({
      pipeline: wirePipeline(await call(pipelines.getPipeline, request, pipelineOf(request.params))),
    }),
  );

  app.patch(
    ONE_PIPELINE,
    {
      schema: {
        operationId: 'update_pipeline',
        summary: 'Enable or disable a pipeline.',
        tags: TAGS,
        params: schemas.PipelineParams,
        body: ref(schemas.UpdatePipelineRequest),
        response: answers({ 204: Updated }),
      },
    },
    async (request, reply) => {
      const { state = null } = request.body;
      await call(pipelines.updatePipeline, request, { ...pipelineOf(request.params), state });
      return reply.code(204).send(null);
    },
  );

  app.delete(
    ONE_PIPELINE,
    {
      schema: {
        operationId: 'delete_pipeline',
        summary: 'Delete a pipeline with all that belongs to it; refused while a run of it is not over.',
        tags: TAGS,
        params: schemas.PipelineParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(pipelines.deletePipeline, request, pipelineOf(request.params));
      return reply.code(204).send(null);
    },
  );
}
