// Wire forms of deployments. Their words begin with a capital, unlike all others (spec 3.4).

import { Type } from 'typebox';
import { Timestamp, Uint64, component, nullable, ref, words } from './common.ts';
import { Event } from './events.ts';
import { PipelineParams } from './pipelines.ts';

export const deploymentState = component('deployment_state', words('Running', 'Complete', 'Unknown'));
export const deploymentStatus = component('deployment_status', words('Unknown', 'Failed', 'Successful'));
export const deploymentStatusReasonType = component('deployment_status_reason_type', words('Unknown'));
export const deploymentStatusReason = component(
  'deployment_status_reason',
  Type.Object({ description: Type.String(), reason: ref(deploymentStatusReasonType) }),
);

export const Deployment = component(
  'Deployment',
  Type.Object({
    deployment_id: Uint64,
    end_version: Uint64,
    ended: Timestamp,
    logs: Type.Array(ref(Event)),
    namespace_id: Type.String(),
    pipeline_id: Type.String(),
    start_version: Uint64,
    started: Timestamp,
    state: ref(deploymentState),
    status: ref(deploymentStatus),
    status_reason: Type.Optional(nullable(deploymentStatusReason)),
  }),
);

export const DeployPipelineConfigResponse = component(
  'DeployPipelineConfigResponse',
  Type.Object({ deployment: ref(Deployment) }),
);
export const GetDeploymentResponse = component('GetDeploymentResponse', Type.Object({ deployment: ref(Deployment) }));
export const ListDeploymentsResponse = component(
  'ListDeploymentsResponse',
  Type.Object({ deployments: Type.Array(ref(Deployment)) }),
);

export const DeploymentParams = Type.Object({ ...PipelineParams.properties, deployment_id: Uint64 });
