// Configs (spec 3.2, 3.3). The record of the pipeline holds the counters, so that registering is one transaction.

import { keys } from '../../store/keys.ts';
import type { PipelineKey } from '../../store/keys.ts';
import type { Pipeline, PipelineConfig } from '../../store/model/config.ts';
import { AppError } from '../../store/model/errors.ts';
import { IDENTIFIER_RULE, isIdentifier } from '../../store/model/ids.ts';
import * as limits from '../../store/model/limits.ts';
import { configRecord, namespaceRecord, pipelineRecord } from '../../store/records/pipeline-records.ts';
import { runRecord } from '../../store/records/run-records.ts';
import type { Compare, Write } from '../../store/state/port.ts';
import { configFromWire } from './parse-config.ts';
import type { WirePipeline } from './parse-config.ts';
import { configProblems } from './config-validation.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation } from './operation.ts';
import { eventWrites } from './outbox.ts';
import { canExist, pipelineOf } from './parse-place.ts';
import type { PipelinePlace } from './parse-place.ts';
import { finishDeletion } from './pipeline-deletion.ts';
import { eachKey, findRecord, listRecords, needRecord, retried } from './store-pages.ts';

export interface VersionPlace extends PipelinePlace {
  readonly version: number;
}
export interface NewConfig extends PipelinePlace {
  readonly config: WirePipeline;
}
export interface RegisteredConfig {
  readonly pipeline: Pipeline;
  readonly config: PipelineConfig;
}

/** What else is in the transaction that deploys: two configs have to fit into it. */
const DEPLOY_BYTES = 8_192;

export function createConfigOperations(deps: ApiDeps) {
  const { state } = deps;
  const resources = ['namespaces', 'pipelines', 'configs'] as const;
  return {
    listConfigs: {
      operationId: 'list_configs',
      needs: { resources, action: 'read' },
      // Newest first (spec 3.3).
      run: async (input) =>
        canExist(input) ? (await listRecords(state, keys.configsOf(pipelineOf(input)), configRecord)).reverse() : [],
    } satisfies Operation<PipelinePlace, PipelineConfig[]>,

    registerConfig: {
      operationId: 'register_config',
      needs: { resources, action: 'write' },
      run: (input) => registerConfig(deps, input),
    } satisfies Operation<NewConfig, RegisteredConfig>,

    getConfig: {
      operationId: 'get_config',
      needs: { resources, action: 'read' },
      run: (input) => getConfig(deps, input),
    } satisfies Operation<VersionPlace, PipelineConfig>,

    deleteConfig: {
      operationId: 'delete_config',
      needs: { resources, action: 'delete' },
      run: (input) => deleteConfig(deps, input),
    } satisfies Operation<VersionPlace, void>,
  };
}

async function registerConfig(deps: ApiDeps, input: NewConfig): Promise<RegisteredConfig> {
  checkDocument(input);
  const { state, now } = deps;
  const key = pipelineOf(input);
  return retried(async () => {
    const found = await findRecord(state, keys.pipeline(key), pipelineRecord);
    const registered = now();
    const before = found?.value ?? newPipeline(key, registered);
    const version = before.lastVersion + 1;
    const pipeline: Pipeline = { ...before, lastVersion: version };
    const config = configFromWire(input.config, { ...key, version, registered });
    const compares: Compare[] = [{ target: 'mod', key: keys.pipeline(key), equals: found?.kv.modRevision ?? 0 }];
    const writes: Write[] = [
      { op: 'put', key: keys.pipeline(key), value: pipelineRecord.encode(pipeline) },
      { op: 'put', key: keys.config(key, version), value: encoded(config, state.limits.bytesMax) },
    ];
    if (found === null) {
      const first = await firstRegistration(deps, key, registered);
      compares.push(...first.compares);
      writes.push(...first.writes);
    }
    const { succeeded } = await state.commit({ compares, writes });
    return succeeded ? { pipeline, config } : null;
  });
}

function checkDocument({ pipelineId, config }: NewConfig): void {
  if (!isIdentifier(pipelineId)) throw new AppError('invalid', `pipeline id: expected ${IDENTIFIER_RULE}.`);
  const problems = configProblems(config);
  if (config.id !== pipelineId && isIdentifier(config.id)) {
    problems.unshift(`id: expected "${pipelineId}", the pipeline of the path, found "${config.id}"`);
  }
  if (problems.length > 0) throw new AppError('invalid', `The config is not valid: ${problems.join('; ')}.`);
}

function newPipeline(key: PipelineKey, created: number): Pipeline {
  return { ...key, state: 'active', created, modified: 0, lastVersion: 0, liveVersion: 0, lastDeploymentId: 0 };
}

function encoded(config: PipelineConfig, storeBytesMax: number): string {
  const value = configRecord.encode(config);
  const bytesMax = Math.min(limits.CONFIG_BYTES_MAX, Math.floor((storeBytesMax - DEPLOY_BYTES) / 2));
  const bytes = Buffer.byteLength(value);
  if (bytes <= bytesMax) return value;
  throw new AppError(
    'invalid',
    `The config is too large: its record has ${bytes} bytes, expected at most ${bytesMax}.`,
  );
}

/**
 * The first version makes the pipeline. What is left of a deleted one by that name goes first. The namespace's record is written
 * again, as it is: a deletion of the namespace that has listed its pipelines already has to list them once more.
 */
async function firstRegistration(
  deps: ApiDeps,
  key: PipelineKey,
  at: number,
): Promise<{ readonly compares: readonly Compare[]; readonly writes: readonly Write[] }> {
  await finishDeletion(deps, key);
  const { kv } = await needRecord(deps.state, keys.namespace(key.namespaceId), namespaceRecord);
  const facts = { namespace_id: key.namespaceId, pipeline_id: key.pipelineId };
  return {
    compares: [
      { target: 'mod', key: kv.key, equals: kv.modRevision },
      { target: 'create', key: keys.tombstone(key), equals: 0 },
    ],
    writes: [{ op: 'put', key: kv.key, value: kv.value }, ...eventWrites(deps, at, [{ created_pipeline: facts }])],
  };
}

/** Version 0 means the highest one (spec 3.3). */
async function getConfig({ state }: ApiDeps, input: VersionPlace): Promise<PipelineConfig> {
  const key = pipelineOf(input);
  if (input.version !== 0) return (await needRecord(state, keys.config(key, input.version), configRecord)).value;
  const { value } = await needRecord(state, keys.pipeline(key), pipelineRecord);
  return (await needRecord(state, keys.config(key, value.lastVersion), configRecord)).value;
}

async function deleteConfig({ state }: ApiDeps, input: VersionPlace): Promise<void> {
  const key = pipelineOf(input);
  await retried(async () => {
    const pipeline = await needRecord(state, keys.pipeline(key), pipelineRecord);
    const config = await needRecord(state, keys.config(key, input.version), configRecord);
    if (input.version === pipeline.value.lastVersion) {
      throw new AppError('invalid', 'The newest version cannot be deleted: register another one first.');
    }
    if (input.version === pipeline.value.liveVersion) {
      throw new AppError('invalid', 'The live version cannot be deleted: deploy another one first.');
    }
    // A version that was never live has no runs, so there is nothing to look through.
    if (config.value.state !== 'unreleased') await refuseUsed({ state }, key, input.version);
    const { succeeded } = await state.commit({
      compares: [pipeline, config].map(({ kv }) => ({ target: 'mod', key: kv.key, equals: kv.modRevision })),
      writes: [{ op: 'delete', key: config.kv.key }],
    });
    return succeeded ? true : null;
  });
}

/** Runs show the tasks of their config, so it stays as long as there is one. */
async function refuseUsed({ state }: Pick<ApiDeps, 'state'>, key: PipelineKey, version: number): Promise<void> {
  for await (const kv of eachKey(state, keys.runsOf(key))) {
    const { configVersion, runId } = runRecord.decode(kv.value);
    if (configVersion === version) throw new AppError('conflict', `Version ${version} is used by run ${runId}.`);
  }
}
