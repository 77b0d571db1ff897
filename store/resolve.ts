// Turns the placeholders of a task's variables into values, right before its body starts (spec 6.2), and nowhere else: values never
// reach a record, an event or a log. A problem names the variable and the placeholder, never a value.

import { keys, scopes } from './keys.ts';
import type { Variable } from './model/config.ts';
import { isAppError } from './model/errors.ts';
import { parseRunId } from './model/ids.ts';
import type { RunKey } from './model/ids.ts';
import { VARIABLE_VALUE_BYTES_MAX } from './model/limits.ts';
import { matchesAnyNamespace } from './id-patterns.ts';
import { parsePlaceholder } from './model/placeholders.ts';
import type { Placeholder } from './model/placeholders.ts';
import type { ObjectStore } from './objects/port.ts';
import { objectKeyRecord, secretKeyRecord } from './records/blob-records.ts';
import { runRecord } from './records/run-records.ts';
import type { SecretStore } from './secrets/port.ts';
import type { KeyValue, StateStore } from './state/port.ts';

export interface ResolverDeps {
  readonly state: StateStore;
  readonly objects: ObjectStore;
  readonly secrets: SecretStore;
}

export type Resolution =
  | { readonly ok: true; readonly env: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: string };

export interface Resolver {
  /** Throws AppError('unavailable') when a store does not answer: that delays, it fails nothing. */
  resolve(run: RunKey & { readonly retryOf: number }, variables: readonly Variable[]): Promise<Resolution>;
}

/** A retry of a retry of a retry: objects of earlier runs are looked for this far back. */
const RETRY_CHAIN_MAX = 20;

type Value = { readonly value: string } | { readonly problem: string };

export function createResolver(deps: ResolverDeps): Resolver {
  return {
    resolve: async (run, variables) => {
      const env: [string, string][] = [];
      for (const { key, value } of variables) {
        const placeholder = parsePlaceholder(value);
        if (placeholder === null) {
          env.push([key, value]);
          continue;
        }
        const found = await lookUp(deps, run, placeholder);
        if ('problem' in found) return { ok: false, problem: `variable ${key}: ${found.problem}` };
        env.push([key, found.value]);
      }
      return { ok: true, env: Object.fromEntries(env) };
    },
  };
}

async function lookUp(
  deps: ResolverDeps,
  run: RunKey & { readonly retryOf: number },
  placeholder: Placeholder,
): Promise<Value> {
  const { kind, key } = placeholder;
  if (key === '') return { problem: `${kind}{{}} names no key` };
  switch (kind) {
    case 'pipeline_secret':
      return secret(deps, { scope: scopes.pipeline(run), key, what: `no secret ${key} in this pipeline` });
    case 'global_secret':
      return globalSecret(deps, run, key);
    case 'pipeline_object':
      return object(deps, { scope: scopes.pipeline(run), key, what: `no object ${key} in this pipeline` });
    case 'run_object':
      return runObject(deps, run, key);
    case 'unknown':
      return { problem: 'unknown{{…}} never has a value' };
  }
}

interface Wanted {
  readonly scope: string;
  readonly key: string;
  /** Said when it is not there. */
  readonly what: string;
}

async function secret(deps: ResolverDeps, { scope, key, what }: Wanted): Promise<Value> {
  const found = await stable(deps, keys.secret(scope, key), async (kv) => {
    if (kv === null) return { problem: what };
    const value = await deps.secrets.get(secretKeyRecord.decode(kv.value).secretName);
    return value === null ? null : { value };
  });
  return found ?? { problem: `the value of secret ${key} is missing` };
}

/**
 * Reads a record and what it points to. Null = nothing is there any more; when the record was overwritten in the meantime, the new
 * one is read, so that an overwrite never fails a task.
 */
async function stable(
  deps: ResolverDeps,
  recordKey: string,
  read: (kv: KeyValue | null) => Promise<Value | null>,
): Promise<Value | null> {
  let kv = await deps.state.get(recordKey);
  for (;;) {
    const value = await read(kv);
    if (value !== null) return value;
    const again = await deps.state.get(recordKey);
    if (again?.modRevision === kv?.modRevision) return null;
    kv = again;
  }
}

async function globalSecret(deps: ResolverDeps, run: RunKey, key: string): Promise<Value> {
  const scope = scopes.global();
  // One text for both cases: who may not use a secret need not learn that it exists.
  const what = `no global secret ${key} for namespace ${run.namespaceId}`;
  const kv = await deps.state.get(keys.secret(scope, key));
  if (kv === null) return { problem: what };
  if (!matchesAnyNamespace(secretKeyRecord.decode(kv.value).namespaces, run.namespaceId)) return { problem: what };
  return secret(deps, { scope, key, what });
}

async function object(deps: ResolverDeps, { scope, key, what }: Wanted): Promise<Value> {
  const found = await stable(deps, keys.object(scope, key), async (kv) => {
    if (kv === null) return { problem: what };
    const { blobName, size } = objectKeyRecord.decode(kv.value);
    if (size <= VARIABLE_VALUE_BYTES_MAX) return objectText(deps, blobName, key);
    return { problem: `object ${key} has ${size} bytes, and a variable takes ${VARIABLE_VALUE_BYTES_MAX}` };
  });
  return found ?? { problem: `the bytes of object ${key} are missing` };
}

/** Null when the blob is not there. */
async function objectText({ objects }: ResolverDeps, blobName: string, key: string): Promise<Value | null> {
  try {
    const { body } = await objects.open(blobName);
    const pieces: Uint8Array[] = [];
    for await (const piece of body) pieces.push(piece);
    const value = Buffer.concat(pieces).toString('utf8');
    return value.includes('\0') ? { problem: `object ${key} holds a NUL byte, which no variable can` } : { value };
  } catch (error) {
    if (isAppError(error, 'not_found')) return null;
    throw error;
  }
}

/** A retried run did not repeat the tasks that made its objects: those of the runs before it count as its own. */
async function runObject(deps: ResolverDeps, run: RunKey & { readonly retryOf: number }, key: string): Promise<Value> {
  const what = `no object ${key} in this run`;
  let at: RunKey & { readonly retryOf: number } = run;
  for (let step = 0; step < RETRY_CHAIN_MAX; step += 1) {
    const found = await object(deps, { scope: scopes.run(at), key, what });
    if (!('problem' in found) || found.problem !== what || at.retryOf === 0) return found;
    const kv = await deps.state.get(keys.run({ ...at, runId: parseRunId(at.retryOf) }));
    if (kv === null) return found;
    at = runRecord.decode(kv.value);
  }
  return { problem: what };
}
