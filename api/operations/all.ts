// All operations, made once for a node and shared by every transport.

import { createAttachOperations } from './attach.ts';
import { createClusterOperations } from './cluster.ts';
import { createConfigOperations } from './configs.ts';
import { createDeploymentOperations } from './deployments.ts';
import type { ApiDeps } from './deps.ts';
import { createEventOperations } from './events.ts';
import { createLogOperations } from './logs.ts';
import { createNamespaceOperations } from './namespaces.ts';
import { createObjectOperations } from './objects.ts';
import { createPipelineOperations } from './pipelines.ts';
import { createRoleOperations } from './roles.ts';
import { createRunOperations } from './runs.ts';
import { createSecretOperations } from './secrets.ts';
import { createSystemOperations } from './system.ts';
import { createTaskOperations } from './tasks.ts';
import { createTokenOperations } from './tokens.ts';

export type Operations = ReturnType<typeof createOperations>;

export function createOperations(deps: ApiDeps) {
  return {
    namespaces: createNamespaceOperations(deps),
    pipelines: createPipelineOperations(deps),
    configs: createConfigOperations(deps),
    deployments: createDeploymentOperations(deps),
    runs: createRunOperations(deps),
    tasks: createTaskOperations(deps),
    logs: createLogOperations(deps),
    attach: createAttachOperations(deps),
    events: createEventOperations(deps),
    objects: createObjectOperations(deps),
    secrets: createSecretOperations(deps),
    tokens: createTokenOperations(deps),
    roles: createRoleOperations(deps),
    system: createSystemOperations(deps),
    cluster: createClusterOperations(deps),
  };
}
