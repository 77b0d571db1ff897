// Secrets of pipelines, and global ones (spec 6.3). The record says who may use a secret and since when; the value lies in the secret
// store, under a name of its own for each put, so that an overwrite is one commit. Values appear in no error and no log.

import { keys, scopes } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { KEY_BYTES_MAX } from '../../store/model/ids.ts';
import { patternProblem } from '../../store/id-patterns.ts';
import { newBlobName } from '../../store/objects/blob-name.ts';
import { secretKeyRecord } from '../../store/records/blob-records.ts';
import type { SecretKey } from '../../store/records/blob-records.ts';
import { SECRET_BYTES_MAX } from '../../store/secrets/port.ts';
import type { Compare } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation } from './operation.ts';
import { notFound, pipelineOf } from './parse-place.ts';
import type { PipelinePlace } from './parse-place.ts';
import { findRecord, listRecords, mayBeWritten, needRecord, retried } from './store-pages.ts';

export type { SecretKey } from '../../store/records/blob-records.ts';

export interface SecretPut {
  readonly key: string;
  readonly content: string;
  readonly force: boolean;
}
export interface GlobalSecretPut extends SecretPut {
  readonly namespaces: readonly string[];
}
export interface SecretRead {
  readonly key: string;
  readonly includeSecret: boolean;
}
export interface ReadSecret {
  readonly record: SecretKey;
  /** Null unless it was asked for. */
  readonly value: string | null;
}

const NAMESPACE_PATTERNS_MAX = 100;

export function createSecretOperations(deps: ApiDeps) {
  return { pipeline: pipelineSecrets(deps), global: globalSecrets(deps) };
}

function pipelineSecrets(deps: ApiDeps) {
  const resources = ['namespaces', 'pipelines', 'secrets'] as const;
  const scopeOf = (place: PipelinePlace) => scopes.pipeline(pipelineOf(place));
  return {
    list: {
      operationId: 'list_pipeline_secrets',
      needs: { resources, action: 'read' },
      run: (place) => listRecords(deps.state, keys.secretsOf(scopeOf(place)), secretKeyRecord),
    } satisfies Operation<PipelinePlace, SecretKey[]>,
    get: {
      operationId: 'get_pipeline_secret',
      needs: { resources, action: 'read' },
      run: (input) => getSecret(deps, scopeOf(input), input),
    } satisfies Operation<PipelinePlace & SecretRead, ReadSecret>,
    put: {
      operationId: 'put_pipeline_secret',
      needs: { resources, action: 'write' },
      run: (input) =>
        putSecret(deps, { ...input, scope: scopeOf(input), owner: keys.pipeline(pipelineOf(input)), namespaces: [] }),
    } satisfies Operation<PipelinePlace & SecretPut, SecretKey>,
    delete: {
      operationId: 'delete_pipeline_secret',
      needs: { resources, action: 'delete' },
      run: (input) => deleteSecret(deps, scopeOf(input), input.key),
    } satisfies Operation<PipelinePlace & { readonly key: string }, void>,
  };
}

function globalSecrets(deps: ApiDeps) {
  const needs = { resources: ['secrets'], adminOnly: true } as const;
  const scope = scopes.global();
  return {
    list: {
      operationId: 'list_global_secrets',
      needs: { ...needs, action: 'read' },
      run: () => listRecords(deps.state, keys.secretsOf(scope), secretKeyRecord),
    } satisfies Operation<void, SecretKey[]>,
    get: {
      operationId: 'get_global_secret',
      needs: { ...needs, action: 'read' },
      run: (input) => getSecret(deps, scope, input),
    } satisfies Operation<SecretRead, ReadSecret>,
    put: {
      operationId: 'put_global_secret',
      needs: { ...needs, action: 'write' },
      run: (input) => {
        checkPatterns(input.namespaces);
        return putSecret(deps, { ...input, scope, owner: null });
      },
    } satisfies Operation<GlobalSecretPut, SecretKey>,
    delete: {
      operationId: 'delete_global_secret',
      needs: { ...needs, action: 'delete' },
      run: ({ key }) => deleteSecret(deps, scope, key),
    } satisfies Operation<{ readonly key: string }, void>,
  };
}

function checkPatterns(patterns: readonly string[]): void {
  if (patterns.length > NAMESPACE_PATTERNS_MAX) {
    throw new AppError('invalid', `namespaces: expected at most ${NAMESPACE_PATTERNS_MAX} patterns.`);
  }
  for (const [index, pattern] of patterns.entries()) {
    const problem = patternProblem(pattern);
    if (problem !== null) throw new AppError('invalid', `namespaces[${index}]: ${problem}.`);
  }
}

async function getSecret(deps: ApiDeps, scope: string, input: SecretRead): Promise<ReadSecret> {
  const { state, secrets } = deps;
  const record = await readRecord(state, scope, input.key);
  if (!input.includeSecret) return { record, value: null };
  const value = await secrets.get(record.secretName);
  if (value !== null) return { record, value };
  // An overwrite may have taken the value away since the record was read.
  const again = await readRecord(state, scope, input.key);
  if (again.secretName !== record.secretName) return getSecret(deps, scope, input);
  throw new AppError('invalid', 'The value of this secret is missing: put it again.');
}

async function readRecord(state: ApiDeps['state'], scope: string, key: string): Promise<SecretKey> {
  return (await needRecord(state, keys.secret(scope, key), secretKeyRecord)).value;
}

interface Put extends GlobalSecretPut {
  readonly scope: string;
  /** Key of what the secret belongs to; null = nothing. */
  readonly owner: string | null;
}

async function putSecret(deps: ApiDeps, input: Put): Promise<SecretKey> {
  const { state, secrets, now, newId } = deps;
  checkPut(input);
  const key = keys.secret(input.scope, input.key);
  if (input.owner !== null && (await state.get(input.owner)) === null) throw notFound();
  if (!input.force && (await state.get(key)) !== null) throw exists(input.key);
  const secretName = newBlobName({ scope: input.scope, key: input.key, id: newId() });
  await secrets.put(secretName, input.content);
  try {
    const { record, displaced } = await retried(async () => {
      const found = await findRecord(state, key, secretKeyRecord);
      if (found !== null && !input.force) throw exists(input.key);
      const owner = input.owner === null ? null : await state.get(input.owner);
      if (input.owner !== null && owner === null) throw notFound();
      const modified = now();
      const { namespaces } = input;
      const created = found?.value.created ?? modified;
      const next: SecretKey = { key: input.key, created, modified, namespaces, secretName };
      const compares: Compare[] = [{ target: 'mod', key, equals: found?.kv.modRevision ?? 0 }];
      if (owner !== null) compares.push({ target: 'create', key: owner.key, equals: owner.createRevision });
      const { succeeded } = await state.commit({
        compares,
        writes: [{ op: 'put', key, value: secretKeyRecord.encode(next) }],
      });
      return succeeded ? { record: next, displaced: found?.value.secretName ?? null } : null;
    });
    // The secret is stored, and nothing that follows may take it back.
    if (displaced !== null) await secrets.delete(displaced).catch(() => undefined);
    return record;
  } catch (error) {
    // A value that the record may point to stays.
    if (!mayBeWritten(error)) await secrets.delete(secretName).catch(() => undefined);
    throw error;
  }
}

function checkPut({ key, content }: SecretPut): void {
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > KEY_BYTES_MAX || key.includes('\0')) {
    throw new AppError('invalid', `key: expected 1 to ${KEY_BYTES_MAX} bytes without NUL.`);
  }
  if (Buffer.byteLength(content) > SECRET_BYTES_MAX) {
    throw new AppError('invalid', `content: expected at most ${SECRET_BYTES_MAX} bytes; larger things are objects.`);
  }
  if (content.includes('\0')) throw new AppError('invalid', 'content: expected a text without NUL characters.');
}

function exists(key: string): AppError {
  return new AppError('conflict', `Secret ${key} exists already: use force to replace it.`);
}

async function deleteSecret({ state, secrets }: ApiDeps, scope: string, key: string): Promise<void> {
  const name = await retried(async () => {
    const { kv, value } = await needRecord(state, keys.secret(scope, key), secretKeyRecord);
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [{ op: 'delete', key: kv.key }],
    });
    return succeeded ? value.secretName : null;
  });
  await secrets.delete(name);
}
