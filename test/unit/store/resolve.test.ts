import { expect, test } from 'vitest';
import { keys, scopes } from '../../../store/keys.ts';
import { AppError } from '../../../store/model/errors.ts';
import type { ObjectStore } from '../../../store/objects/port.ts';
import { objectKeyRecord, secretKeyRecord } from '../../../store/records/blob-records.ts';
import { runRecord } from '../../../store/records/run-records.ts';
import { createResolver } from '../../../store/resolve.ts';
import type { SecretStore } from '../../../store/secrets/port.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import { NOON, aRunningRun } from '../worlds.ts';

const RUN = aRunningRun();

/** Stores in maps. `onMiss` is told of a value that was looked for in vain. */
function aWorld(onMiss: () => Promise<void> = () => Promise.resolve()) {
  const state = createMemoryStore();
  const values = new Map<string, string>();
  const secrets = {
    get: async (name: string) => {
      const value = values.get(name) ?? null;
      if (value === null) await onMiss();
      return value;
    },
  } as unknown as SecretStore;
  const objects = {
    open: async (name: string) => {
      const value = values.get(name);
      if (value === undefined) {
        await onMiss();
        throw new AppError('not_found', 'Not Found');
      }
      return { size: 0, sha256: '', body: [Buffer.from(value)] as unknown as AsyncIterable<Uint8Array> };
    },
  } as unknown as ObjectStore;
  const put = (key: string, value: string) => state.commit({ compares: [], writes: [{ op: 'put', key, value }] });
  return {
    resolve: (variables: Readonly<Record<string, string>>, run = RUN) =>
      createResolver({ state, objects, secrets }).resolve(
        run,
        Object.entries(variables).map(([key, value]) => ({ key, value, source: 'pipeline_config' })),
      ),
    values,
    put,
    secret: (scope: string, key: string, name: string, namespaces: readonly string[] = []) =>
      put(
        keys.secret(scope, key),
        secretKeyRecord.encode({ key, created: NOON, modified: NOON, namespaces, secretName: name }),
      ),
    object: (scope: string, key: string, blobName: string, size = 1) =>
      put(
        keys.object(scope, key),
        objectKeyRecord.encode({ key, created: NOON, modified: NOON, size, sha256: '', blobName }),
      ),
  };
}

test('placeholders become values; everything else stays as it is', async () => {
  const world = aWorld();
  await world.secret(scopes.pipeline(RUN), 'password', 's1');
  await world.secret(scopes.global(), 'shared', 's2', ['^def']);
  await world.object(scopes.pipeline(RUN), 'settings', 'o1');
  await world.object(scopes.run(RUN), 'count', 'o2');
  for (const [name, value] of Object.entries({ s1: 'p', s2: 'g', o1: 'settings!', o2: '42' }))
    world.values.set(name, value);
  expect(
    await world.resolve({
      A: 'pipeline_secret{{password}}',
      B: ' GLOBAL_SECRET{{ shared }} ',
      C: 'pipeline_object{{settings}}',
      D: 'run_object{{count}}',
      E: 'see run_object{{count}}',
    }),
  ).toEqual({ ok: true, env: { A: 'p', B: 'g', C: 'settings!', D: '42', E: 'see run_object{{count}}' } });
});

test.each([
  ['pipeline_secret{{none}}', 'variable X: no secret none in this pipeline'],
  ['global_secret{{closed}}', 'variable X: no global secret closed for namespace default'],
  ['pipeline_object{{none}}', 'variable X: no object none in this pipeline'],
  ['run_object{{none}}', 'variable X: no object none in this run'],
  ['pipeline_secret{{lost}}', 'variable X: the value of secret lost is missing'],
  ['pipeline_object{{lost}}', 'variable X: the bytes of object lost are missing'],
  ['pipeline_object{{huge}}', expect.stringContaining('huge has 99999999 bytes') as string],
  ['pipeline_object{{binary}}', 'variable X: object binary holds a NUL byte, which no variable can'],
])('what has no value says why: %s', async (value, problem) => {
  const world = aWorld();
  await world.secret(scopes.pipeline(RUN), 'lost', 'nowhere');
  await world.secret(scopes.global(), 'closed', 's2', ['^other$']);
  await world.object(scopes.pipeline(RUN), 'lost', 'nowhere');
  await world.object(scopes.pipeline(RUN), 'huge', 'o1', 99_999_999);
  await world.object(scopes.pipeline(RUN), 'binary', 'o2');
  world.values.set('o2', 'a\0b');
  expect(await world.resolve({ X: value })).toEqual({ ok: false, problem });
});

test.each(['pipeline_secret{{token}}', 'pipeline_object{{token}}'])(
  'an overwrite while %s is read gives the new value, not a failure',
  async (placeholder) => {
    let overwritten = false;
    const world = aWorld(async () => {
      if (overwritten) return;
      overwritten = true;
      await point('new');
    });
    const point = async (name: string) => {
      await world.secret(scopes.pipeline(RUN), 'token', name);
      await world.object(scopes.pipeline(RUN), 'token', name);
    };
    await point('old');
    world.values.set('new', 'fresh');
    expect(await world.resolve({ X: placeholder })).toEqual({ ok: true, env: { X: 'fresh' } });
  },
);

test('a retried run finds the objects of the runs before it', async () => {
  const world = aWorld();
  const first = { ...RUN, runId: 1 as typeof RUN.runId };
  const second = { ...RUN, runId: 2 as typeof RUN.runId, retryOf: 1 };
  const third = { ...RUN, runId: 3 as typeof RUN.runId, retryOf: 2 };
  await world.put(keys.run(first), runRecord.encode(first));
  await world.put(keys.run(second), runRecord.encode(second));
  await world.object(scopes.run(first), 'count', 'o1');
  world.values.set('o1', '42');
  expect(await world.resolve({ X: 'run_object{{count}}' }, third)).toEqual({ ok: true, env: { X: '42' } });
});
