import { expect, test } from 'vitest';
import { PIPELINE, anApi, deployed } from './api-world.ts';
import type { ApiWorld } from './api-world.ts';

const SECRETS = `${PIPELINE}/secrets`;
const GLOBAL = '/api/secrets/global';

async function aPipeline(): Promise<ApiWorld> {
  const api = await anApi();
  await deployed(api);
  return api;
}

test('pipeline secrets: put, listed without value, read with and without it, deleted', async () => {
  await using api = await aPipeline();
  const made = await api.call(`POST ${SECRETS}`, { key: 'password', content: 'hunter2', force: false });
  expect(made).toMatchObject({ status: 201, body: { secret: { key: 'password', namespaces: [] } } });
  expect(made.text).not.toContain('hunter2');
  const listed = await api.call(`GET ${SECRETS}`);
  expect(listed).toMatchObject({ status: 200, body: { secrets: [{ key: 'password', namespaces: ['default'] }] } });
  expect(listed.text).not.toContain('hunter2');
  expect(await api.call(`GET ${SECRETS}/password?include_secret=false`)).toMatchObject({ body: { secret: null } });
  expect(await api.call(`GET ${SECRETS}/password?include_secret=true`)).toMatchObject({
    status: 200,
    body: { metadata: { key: 'password', namespaces: ['default'] }, secret: 'hunter2' },
  });
  expect(await api.call(`DELETE ${SECRETS}/password`)).toMatchObject({ status: 204 });
  expect(await api.call(`GET ${SECRETS}/password?include_secret=true`)).toMatchObject({ status: 404 });
  expect(api.values.size).toBe(0);
});

test('global secrets: put with their namespaces, changed, deleted', async () => {
  await using api = await anApi();
  const secret = { key: 'token', content: 'one', force: false, namespaces: ['^team-'] };
  expect(await api.call(`POST ${GLOBAL}`, secret)).toMatchObject({
    status: 201,
    body: { secret: { namespaces: ['^team-'] } },
  });
  const changed = { ...secret, content: 'two', force: true, namespaces: ['.*'] };
  expect(await api.call(`POST ${GLOBAL}`, changed)).toMatchObject({ status: 201 });
  expect(await api.call(`GET ${GLOBAL}/token?include_secret=true`)).toMatchObject({
    body: { metadata: { namespaces: ['.*'] }, secret: 'two' },
  });
  expect(await api.call(`GET ${GLOBAL}`)).toMatchObject({ body: { secrets: [{ key: 'token' }] } });
  expect(await api.call(`DELETE ${GLOBAL}/token`)).toMatchObject({ status: 204 });
  expect(await api.call(`DELETE ${GLOBAL}/token`)).toMatchObject({ status: 404 });
});

test('an overwrite wants force, and leaves no value behind', async () => {
  await using api = await aPipeline();
  await api.call(`POST ${SECRETS}`, { key: 'password', content: 'one', force: false });
  expect(await api.call(`POST ${SECRETS}`, { key: 'password', content: 'two', force: false })).toMatchObject({
    status: 409,
  });
  expect([...api.values.values()]).toEqual(['one']);
  expect(await api.call(`POST ${SECRETS}`, { key: 'password', content: 'two', force: true })).toMatchObject({
    status: 201,
  });
  expect([...api.values.values()]).toEqual(['two']);
});

test.each([
  [SECRETS, { key: '', content: 'x', force: false }, 400],
  [SECRETS, { key: 'a\0b', content: 'x', force: false }, 400],
  [SECRETS, { key: 'k'.repeat(1_000), content: 'x', force: false }, 400],
  [SECRETS, { key: 'big', content: 'x'.repeat(262_145), force: false }, 400],
  [SECRETS, { key: 'nul', content: 'a\0b', force: false }, 400],
  [SECRETS, { key: 'x', content: 'hidden-value' }, 400],
  [SECRETS, { key: 'x', content: 7, force: false }, 400],
  [GLOBAL, { key: 'x', content: 'x', force: false }, 400],
  [GLOBAL, { key: 'x', content: 'x', force: false, namespaces: Array(101).fill('a') }, 400],
  ['/api/namespaces/default/pipelines/none/secrets', { key: 'x', content: 'x', force: false }, 404],
])('POST %s with %j is refused with %i, keeps nothing and shows no value', async (path, body, status) => {
  await using api = await aPipeline();
  const answer = await api.call(`POST ${path}`, body);
  expect(answer.status).toBe(status);
  expect(api.values.size).toBe(0);
  expect(answer.text).not.toContain('hidden-value');
});

test('reading wants to be told whether the value is wanted', async () => {
  await using api = await aPipeline();
  expect(await api.call(`GET ${SECRETS}/x`)).toMatchObject({ status: 400 });
  expect(await api.call(`GET ${SECRETS}/x?include_secret=false`)).toMatchObject({ status: 404 });
});

test('a value that is missing is said to be missing', async () => {
  await using api = await aPipeline();
  await api.call(`POST ${SECRETS}`, { key: 'password', content: 'one', force: false });
  api.values.clear();
  expect(await api.call(`GET ${SECRETS}/password?include_secret=true`)).toMatchObject({ status: 400 });
});
