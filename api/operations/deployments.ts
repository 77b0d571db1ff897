// Deployments (spec 3.4): a config becomes the one that new runs use. One transaction, so nobody ever sees half of it.

import { keys } from '../../store/keys.ts';
import type { Deployment, Pipeline, PipelineConfig } from '../../store/model/config.ts';
import type { Instant } from '../../store/model/ids.ts';
import { configRecord, deploymentRecord, pipelineRecord } from '../../store/records/pipeline-records.ts';
import type { Write } from '../../store/state/port.ts';
import type { VersionPlace } from './configs.ts';
import type { ApiDeps } from './deps.ts';
import type { Needs, Operation } from './operation.ts';
import { eventWrites } from './outbox.ts';
import { canExist, pipelineOf } from './parse-place.ts';
import type { PipelinePlace } from './parse-place.ts';
import { listRecords, needRecord, retried } from './store-pages.ts';
import type { Found } from './store-pages.ts';

export interface DeploymentPlace extends PipelinePlace {
  readonly deploymentId: number;
}

const READ: Needs = { resources: ['namespaces', 'pipelines', 'deployments'], action: 'read' };

export function createDeploymentOperations(deps: ApiDeps) {
  const { state } = deps;
  return {
    deployConfig: {
      operationId: 'deploy_config',
      needs: { resources: ['namespaces', 'pipelines', 'configs'], action: 'write', adminOnly: true },
      run: (input) => deployConfig(deps, input),
    } satisfies Operation<VersionPlace, Deployment>,

    listDeployments: {
      operationId: 'list_deployments',
      needs: READ,
      run: async (input) =>
        canExist(input) ? listRecords(state, keys.deploymentsOf(pipelineOf(input)), deploymentRecord) : [],
    } satisfies Operation<PipelinePlace, Deployment[]>,

    getDeployment: {
      operationId: 'get_deployment',
      needs: READ,
      run: async (input) =>
        (await needRecord(state, keys.deployment(pipelineOf(input), input.deploymentId), deploymentRecord)).value,
    } satisfies Operation<DeploymentPlace, Deployment>,
  };
}

/** Deploying the live version again is allowed; deploying an older one is how to roll back. */
async function deployConfig(deps: ApiDeps, input: VersionPlace): Promise<Deployment> {
  const { state, now } = deps;
  const key = pipelineOf(input);
  return retried(async () => {
    const pipeline = await needRecord(state, keys.pipeline(key), pipelineRecord);
    const end = await needRecord(state, keys.config(key, input.version), configRecord);
    const { liveVersion } = pipeline.value;
    const hasOther = liveVersion !== 0 && liveVersion !== input.version;
    const start = hasOther ? await needRecord(state, keys.config(key, liveVersion), configRecord) : null;
    const at = now();
    const deployment = newDeployment(pipeline.value, { start: start?.value ?? end.value, end: end.value, at });
    const read: readonly Found<object>[] = start === null ? [pipeline, end] : [pipeline, end, start];
    const { succeeded } = await state.commit({
      compares: read.map(({ kv }) => ({ target: 'mod', key: kv.key, equals: kv.modRevision })),
      writes: [...recordWrites({ pipeline, end, start, deployment }), ...eventsOf(deps, deployment)],
    });
    return succeeded ? deployment : null;
  });
}

function newDeployment(
  { namespaceId, pipelineId, lastDeploymentId }: Pipeline,
  { start, end, at }: { readonly start: PipelineConfig; readonly end: PipelineConfig; readonly at: Instant },
): Deployment {
  return {
    namespaceId,
    pipelineId,
    deploymentId: lastDeploymentId + 1,
    startVersion: start.version,
    endVersion: end.version,
    started: at,
    ended: at,
    state: 'Complete',
    status: 'Successful',
    statusReason: null,
  };
}

interface Switch {
  readonly pipeline: Found<Pipeline>;
  readonly end: Found<PipelineConfig>;
  /** Live until now; null when there is none, or when it stays so. */
  readonly start: Found<PipelineConfig> | null;
  readonly deployment: Deployment;
}

function recordWrites({ pipeline, end, start, deployment }: Switch): readonly Write[] {
  const { deploymentId, endVersion, ended } = deployment;
  const changed: Pipeline = { ...pipeline.value, liveVersion: endVersion, lastDeploymentId: deploymentId };
  const writes: Write[] = [
    { op: 'put', key: pipeline.kv.key, value: pipelineRecord.encode(changed) },
    { op: 'put', key: end.kv.key, value: configRecord.encode({ ...end.value, state: 'live' }) },
    { op: 'put', key: keys.deployment(deployment, deploymentId), value: deploymentRecord.encode(deployment) },
  ];
  if (start !== null) {
    const old: PipelineConfig = { ...start.value, state: 'deprecated', deprecated: ended };
    writes.push({ op: 'put', key: start.kv.key, value: configRecord.encode(old) });
  }
  return writes;
}

function eventsOf(deps: ApiDeps, deployment: Deployment): readonly Write[] {
  const facts = {
    namespace_id: deployment.namespaceId,
    pipeline_id: deployment.pipelineId,
    start_version: deployment.startVersion,
    end_version: deployment.endVersion,
  };
  return eventWrites(deps, deployment.started, [{ started_deployment: facts }, { completed_deployment: facts }]);
}
