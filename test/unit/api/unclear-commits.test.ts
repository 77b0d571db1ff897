// A commit whose answer is lost may have been written: what its record points to must be there then.

import { expect, test } from 'vitest';
import { AppError } from '../../../store/model/errors.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../store/state/port.ts';
import { PIPELINE, anApi, deployed } from './api-world.ts';
import { withCommit } from '../with-commit.ts';

/** The next commit that writes such a key is written or not, and answered with an error that leaves it open or not. */
interface Mishap {
  readonly prefix: string;
  readonly written: boolean;
  readonly outcome: 'unknown' | 'not_applied';
}

async function anUnluckyApi() {
  const state = createMemoryStore();
  let mishap: Mishap | null = null;
  const commit: StateStore['commit'] = async (transaction) => {
    const planned = mishap;
    const isIt = transaction.writes.some((write) => 'key' in write && write.key.startsWith(planned?.prefix ?? '\0'));
    if (planned === null || !isIt) return state.commit(transaction);
    mishap = null;
    if (planned.written) await state.commit(transaction);
    throw new AppError('unavailable', 'The store did not answer.', { outcome: planned.outcome });
  };
  const unlucky = withCommit(state, commit);
  const api = await anApi({ state: unlucky });
  await deployed(api);
  return {
    api,
    plan: (next: Mishap) => {
      mishap = next;
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

const OBJECT = `${PIPELINE}/objects/report`;
const SECRETS = `${PIPELINE}/secrets`;

test('an object whose commit was written without an answer can be read', async () => {
  await using world = await anUnluckyApi();
  const { api, plan } = world;
  plan({ prefix: 'object', written: true, outcome: 'unknown' });
  expect(await api.call(`POST ${OBJECT}?force=false`, 'bytes')).toMatchObject({ status: 503 });
  expect(await api.call(`GET ${OBJECT}`)).toMatchObject({ status: 200, text: 'bytes' });
});

test('an object whose commit certainly was not written leaves no bytes', async () => {
  await using world = await anUnluckyApi();
  const { api, plan } = world;
  plan({ prefix: 'object', written: false, outcome: 'not_applied' });
  expect(await api.call(`POST ${OBJECT}?force=false`, 'bytes')).toMatchObject({ status: 503 });
  expect(api.blobs.size).toBe(0);
});

test('an overwrite whose commit was written without an answer is what can be read', async () => {
  await using world = await anUnluckyApi();
  const { api, plan } = world;
  await api.call(`POST ${OBJECT}?force=false`, 'old');
  plan({ prefix: 'object', written: true, outcome: 'unknown' });
  expect(await api.call(`POST ${OBJECT}?force=true`, 'new')).toMatchObject({ status: 503 });
  expect(await api.call(`GET ${OBJECT}`)).toMatchObject({ status: 200, text: 'new' });
});

test('bytes that are gone are told as damage, not as a quarrel', async () => {
  await using world = await anUnluckyApi();
  const { api } = world;
  await api.call(`POST ${OBJECT}?force=false`, 'bytes');
  api.blobs.clear();
  expect(await api.call(`GET ${OBJECT}`)).toMatchObject({ status: 500 });
});

test('a secret whose commit was written without an answer can be read', async () => {
  await using world = await anUnluckyApi();
  const { api, plan } = world;
  plan({ prefix: 'secret', written: true, outcome: 'unknown' });
  const secret = { key: 'password', content: 'hunter2', force: false };
  expect(await api.call(`POST ${SECRETS}`, secret)).toMatchObject({ status: 503 });
  expect(await api.call(`GET ${SECRETS}/password?include_secret=true`)).toMatchObject({
    status: 200,
    body: { secret: 'hunter2' },
  });
});
