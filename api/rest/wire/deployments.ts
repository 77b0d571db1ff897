// From the model to the wire: deployments. Pure.

import type { Static } from 'typebox';
import type { Deployment } from '../../../store/model/config.ts';
import type * as schema from '../schemas/deployments.ts';

export function wireDeployment(deployment: Deployment): Static<typeof schema.Deployment> {
  const { namespaceId, pipelineId, deploymentId, startVersion, endVersion, started, ended, state, status } = deployment;
  return {
    namespace_id: namespaceId,
    pipeline_id: pipelineId,
    deployment_id: deploymentId,
    start_version: startVersion,
    end_version: endVersion,
    started,
    ended,
    state,
    status,
    status_reason:
      deployment.statusReason === null ? null : { reason: 'Unknown', description: deployment.statusReason },
    logs: [],
  };
}
