// Pipelines, their configs and deployments (spec 3). One record of the pipeline holds the counters, so that each of these is a single
// transaction: register = counter and config; deploy = two configs, the deployment and the live version.

import { keys } from '../../store/keys.ts';
import type { PipelineKey } from '../../store/keys.ts';
import type { Deployment, Pipeline, PipelineConfig, PipelineState } from '../../store/model/config.ts';
import type { NamespaceId, PipelineId } from '../../store/model/ids.ts';
import { AppError } from '../../store/model/errors.ts';
import { isIdentifier, IDENTIFIER_RULE } from '../../store/model/ids.ts';
import * as limits from '../../store/model/limits.ts';
import {
  configRecord,
  deploymentRecord,
  namespaceRecord,
  pipelineRecord,
} from '../../store/records/pipeline-records.ts';
import type { Compare, Write } from '../../store/state/port.ts';
import { configFromWire } from './config-wire.ts';
import type { WirePipeline } from './config-wire.ts';
import { configProblems } from './config-validation.ts';
import type { ApiDeps } from './deps.ts';
import { eventWrite } from './namespaces.ts';
import type { Operation } from './operation.ts';
import { deletePipelineData, refuseOpenRuns } from './pipeline-deletion.ts';
import { findRecord, listRecords, needRecord, notFound, retried } from './store-pages.ts';

export interface PipelineInput {
  readonly namespaceId: string;
  readonly pipelineId: string;
}
export interface VersionInput extends PipelineInput {
  readonly version: number;
}

export interface RegisteredConfig {
  readonly pipeline: Pipeline;
  readonly config: PipelineConfig;
}

export function createPipelineOperations(deps: ApiDeps) {
  const { state } = deps;
  const resources = ['namespaces', 'pipelines'] as const;
  return {
    listPipelines: {
      operationId: 'list_pipelines',
      needs: { resources, action: 'read', anonymous: true },
      run: ({ namespaceId }) => listRecords(state, keys.pipelinesOf(namespaceId as NamespaceId), pipelineRecord),
    } satisfies Operation<{ readonly namespaceId: string }, Pipeline[]>,

    getPipeline: {
      operationId: 'get_pipeline',
      needs: { resources, action: 'read', anonymous: true },
      run: async (input) => (await needRecord(state, keys.pipeline(keyOf(input)), pipelineRecord)).value,
    } satisfies Operation<PipelineInput, Pipeline>,

    updatePipeline: {
      operationId: 'update_pipeline',
      needs: { resources, action: 'write' },
      run: (input) => updatePipeline(deps, input),
    } satisfies Operation<PipelineInput & { readonly state?: string | undefined }, void>,

    deletePipeline: {
      operationId: 'delete_pipeline',
      needs: { resources, action: 'delete' },
      run: async (input) => {
        const { value } = await needRecord(state, keys.pipeline(keyOf(input)), pipelineRecord);
        await refuseOpenRuns(deps, value);
        await deletePipelineData(deps, value);
      },
    } satisfies Operation<PipelineInput, void>,
  };
}

export function createConfigOperations(deps: ApiDeps) {
  const { state } = deps;
  const resources = ['namespaces', 'pipelines', 'configs'] as const;
  return {
    listConfigs: {
      operationId: 'list_configs',
      needs: { resources, action: 'read' },
      // Newest first (spec 3.3).
      run: async (input) => (await listRecords(state, keys.configsOf(keyOf(input)), configRecord)).reverse(),
    } satisfies Operation<PipelineInput, PipelineConfig[]>,

    registerConfig: {
      operationId: 'register_config',
      needs: { resources, action: 'write' },
      run: (input) => registerConfig(deps, input),
    } satisfies Operation<PipelineInput & { readonly config: WirePipeline }, RegisteredConfig>,

    getConfig: {
      operationId: 'get_config',
      needs: { resources, action: 'read' },
      run: (input) => getConfig(deps, input),
    } satisfies Operation<VersionInput, PipelineConfig>,

    deployConfig: {
      operationId: 'deploy_config',
      needs: { resources, action: 'write', adminOnly: true },
      run: (input) => deployConfig(deps, input),
    } satisfies Operation<VersionInput, Deployment>,

    deleteConfig: {
      operationId: 'delete_config',
      needs: { resources, action: 'delete' },
      run: (input) => deleteConfig(deps, input),
    } satisfies Operation<VersionInput, void>,

    listDeployments: {
      operationId: 'list_deployments',
      needs: { resources: ['namespaces', 'pipelines', 'deployments'], action: 'read' },
      run: (input) => listRecords(state, keys.deploymentsOf(keyOf(input)), deploymentRecord),
    } satisfies Operation<PipelineInput, Deployment[]>,

    getDeployment: {
      operationId: 'get_deployment',
      needs: { resources: ['namespaces', 'pipelines', 'deployments'], action: 'read' },
      run: async (input) =>
        (await needRecord(state, keys.deployment(keyOf(input), input.deploymentId), deploymentRecord)).value,
    } satisfies Operation<PipelineInput & { readonly deploymentId: number }, Deployment>,
  };
}

/** Ids in a path are not checked for their form: what cannot exist is simply not found. */
export function keyOf({ namespaceId, pipelineId }: PipelineInput): PipelineKey {
  return { namespaceId: namespaceId as NamespaceId, pipelineId: pipelineId as PipelineId };
}

async function updatePipeline(
  { state, now, newId }: ApiDeps,
  input: PipelineInput & { readonly state?: string | undefined },
): Promise<void> {
  const wanted = input.state;
  if (wanted === undefined) throw new AppError('invalid', 'Nothing to change: give state.');
  if (!isPipelineState(wanted)) throw new AppError('invalid', 'state: expected "active" or "disabled".');
  await retried(async () => {
    const { value, kv } = await needRecord(state, keys.pipeline(keyOf(input)), pipelineRecord);
    if (value.state === wanted) return value;
    const changed: Pipeline = { ...value, state: wanted, modified: now() };
    const facts = { namespace_id: value.namespaceId, pipeline_id: value.pipelineId };
    const kind = wanted === 'active' ? { enabled_pipeline: facts } : { disabled_pipeline: facts };
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [
        { op: 'put', key: kv.key, value: pipelineRecord.encode(changed) },
        eventWrite(newId(), changed.modified, kind),
      ],
    });
    return succeeded ? changed : null;
  });
}

function isPipelineState(text: string): text is PipelineState {
  return text === 'active' || text === 'disabled';
}

async function registerConfig(
  deps: ApiDeps,
  input: PipelineInput & { readonly config: WirePipeline },
): Promise<RegisteredConfig> {
  const { state, now, newId } = deps;
  const key = keyOf(input);
  checkDocument(input);
  await needRecord(state, keys.namespace(key.namespaceId), namespaceRecord);
  return retried(async () => {
    const found = await findRecord(state, keys.pipeline(key), pipelineRecord);
    const registered = now();
    const version = (found?.value.lastVersion ?? 0) + 1;
    const config = configFromWire(input.config, { ...key, version, registered });
    const before: Pipeline = found?.value ?? {
      ...key,
      state: 'active',
      created: registered,
      modified: 0,
      lastVersion: 0,
      liveVersion: 0,
      lastDeploymentId: 0,
    };
    const pipeline: Pipeline = { ...before, lastVersion: version };
    const value = configRecord.encode(config);
    const bytesMax = Math.min(limits.CONFIG_BYTES_MAX, state.limits.bytesMax / 2);
    if (Buffer.byteLength(value) > bytesMax) {
      throw new AppError('invalid', `The config is too large: expected at most ${bytesMax} bytes.`);
    }
    const writes: Write[] = [
      { op: 'put', key: keys.pipeline(key), value: pipelineRecord.encode(pipeline) },
      { op: 'put', key: keys.config(key, version), value },
    ];
    if (found === null) {
      const facts = { namespace_id: key.namespaceId, pipeline_id: key.pipelineId };
      writes.push(eventWrite(newId(), registered, { created_pipeline: facts }));
    }
    const compares: Compare[] = [
      { target: 'mod', key: keys.pipeline(key), equals: found?.kv.modRevision ?? 0 },
      // A namespace that is being deleted at this moment takes no new pipeline.
      { target: 'create', key: keys.config(key, version), equals: 0 },
    ];
    const { succeeded } = await state.commit({ compares, writes });
    return succeeded ? { pipeline, config } : null;
  });
}

function checkDocument({ pipelineId, config }: PipelineInput & { readonly config: WirePipeline }): void {
  if (!isIdentifier(pipelineId)) throw new AppError('invalid', `pipeline id: expected ${IDENTIFIER_RULE}.`);
  const problems = configProblems(config);
  if (problems.length > 0) throw new AppError('invalid', `The config is not valid: ${problems.join('; ')}.`);
  if (config.id !== pipelineId) {
    throw new AppError('invalid', `id: expected "${pipelineId}", the pipeline of the path, found "${config.id}".`);
  }
}

/** Version 0 means the highest one (spec 3.3). */
async function getConfig({ state }: ApiDeps, input: VersionInput): Promise<PipelineConfig> {
  const key = keyOf(input);
  if (input.version > 0) return (await needRecord(state, keys.config(key, input.version), configRecord)).value;
  const { value } = await needRecord(state, keys.pipeline(key), pipelineRecord);
  return (await needRecord(state, keys.config(key, value.lastVersion), configRecord)).value;
}

async function deployConfig({ state, now, newId }: ApiDeps, input: VersionInput): Promise<Deployment> {
  const key = keyOf(input);
  return retried(async () => {
    const pipeline = await needRecord(state, keys.pipeline(key), pipelineRecord);
    const end = await needRecord(state, keys.config(key, input.version), configRecord);
    const { liveVersion } = pipeline.value;
    const startVersion = liveVersion === 0 ? input.version : liveVersion;
    const start =
      startVersion === input.version ? null : await needRecord(state, keys.config(key, startVersion), configRecord);
    const at = now();
    const deploymentId = pipeline.value.lastDeploymentId + 1;
    const deployment: Deployment = {
      ...key,
      deploymentId,
      startVersion,
      endVersion: input.version,
      started: at,
      ended: at,
      state: 'Complete',
      status: 'Successful',
      statusReason: null,
    };
    const changed: Pipeline = { ...pipeline.value, liveVersion: input.version, lastDeploymentId: deploymentId };
    const facts = {
      namespace_id: key.namespaceId,
      pipeline_id: key.pipelineId,
      start_version: startVersion,
      end_version: input.version,
    };
    const writes: Write[] = [
      { op: 'put', key: pipeline.kv.key, value: pipelineRecord.encode(changed) },
      { op: 'put', key: end.kv.key, value: configRecord.encode({ ...end.value, state: 'live' }) },
      { op: 'put', key: keys.deployment(key, deploymentId), value: deploymentRecord.encode(deployment) },
      eventWrite(newId(), at, { started_deployment: facts }),
      eventWrite(newId(), at, { completed_deployment: facts }),
    ];
    if (start !== null) {
      writes.push({
        op: 'put',
        key: start.kv.key,
        value: configRecord.encode({ ...start.value, state: 'deprecated', deprecated: at }),
      });
    }
    const compares: Compare[] = [pipeline, end, ...(start === null ? [] : [start])].map(({ kv }) => ({
      target: 'mod',
      key: kv.key,
      equals: kv.modRevision,
    }));
    const { succeeded } = await state.commit({ compares, writes });
    return succeeded ? deployment : null;
  });
}

async function deleteConfig({ state }: ApiDeps, input: VersionInput): Promise<void> {
  const key = keyOf(input);
  await retried(async () => {
    const pipeline = await findRecord(state, keys.pipeline(key), pipelineRecord);
    if (pipeline === null) throw notFound();
    const config = await needRecord(state, keys.config(key, input.version), configRecord);
    const { lastVersion, liveVersion } = pipeline.value;
    if (input.version === lastVersion)
      throw new AppError('invalid', 'The newest version cannot be deleted: register another one first.');
    if (input.version === liveVersion)
      throw new AppError('invalid', 'The live version cannot be deleted: deploy another one first.');
    await refuseOpenRuns({ state }, key);
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: pipeline.kv.key, equals: pipeline.kv.modRevision }],
      writes: [{ op: 'delete', key: config.kv.key }],
    });
    return succeeded ? true : null;
  });
}
