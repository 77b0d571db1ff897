// From the model to the wire: pipelines. Pure.

import type { Static } from 'typebox';
import type { Pipeline } from '../../../store/model/config.ts';
import type * as schema from '../schemas/pipelines.ts';

export function wirePipeline({
  namespaceId,
  pipelineId,
  state,
  created,
  modified,
  liveVersion,
}: Pipeline): Static<typeof schema.Metadata> {
  return { namespace_id: namespaceId, pipeline_id: pipelineId, state, created, modified, live_version: liveVersion };
}
