// Codecs of what users register: namespaces, pipelines, their config versions and deployments.

import { recordCodec } from '../codec.ts';
import type { Deployment, Namespace, Pipeline, PipelineConfig } from '../model/config.ts';

export const namespaceRecord = recordCodec<Namespace>({
  kind: 'namespace',
  fields: { namespaceId: 'string', name: 'string', description: 'string', created: 'number', modified: 'number' },
});

export const pipelineRecord = recordCodec<Pipeline>({
  kind: 'pipeline',
  fields: {
    namespaceId: 'string',
    pipelineId: 'string',
    state: 'string',
    created: 'number',
    modified: 'number',
    lastVersion: 'number',
    liveVersion: 'number',
    lastDeploymentId: 'number',
  },
});

export const configRecord = recordCodec<PipelineConfig>({
  kind: 'pipeline config',
  fields: {
    namespaceId: 'string',
    pipelineId: 'string',
    version: 'number',
    name: 'string',
    description: 'string',
    parallelism: 'number',
    timeoutMs: 'number',
    tasks: 'array',
    state: 'string',
    registered: 'number',
    deprecated: 'number',
  },
});

export const deploymentRecord = recordCodec<Deployment>({
  kind: 'deployment',
  fields: {
    namespaceId: 'string',
    pipelineId: 'string',
    deploymentId: 'number',
    startVersion: 'number',
    endVersion: 'number',
    started: 'number',
    ended: 'number',
    state: 'string',
    status: 'string',
    statusReason: 'nullable',
  },
});
