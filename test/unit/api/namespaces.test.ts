import { expect, test } from 'vitest';
import { keys } from '../../../store/keys.ts';
import { aDocument, anApi, deployed, endRun, eventsLeft, startedRun } from './api-world.ts';

const TEAM = { id: 'team-a', name: 'Team A', description: 'The first team.' };

test('namespaces: the default one is there from the start, and only once', async () => {
  await using api = await anApi();
  const { status, body } = await api.call('GET /api/namespaces');
  expect(status).toBe(200);
  expect(body).toMatchObject({ namespaces: [{ id: 'default' }] });
  expect(await eventsLeft(api)).toEqual([{ created_namespace: { namespace_id: 'default' } }]);
});

test('namespaces: created, shown, changed and deleted with the declared statuses', async () => {
  await using api = await anApi();
  const created = await api.call('POST /api/namespaces', TEAM);
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({ namespace: { ...TEAM, modified: 0 } });
  expect(await api.call('GET /api/namespaces/team-a')).toMatchObject({ status: 200, body: { namespace: TEAM } });
  const changed = await api.call('PATCH /api/namespaces/team-a', { name: 'Team B', description: null });
  expect(changed).toMatchObject({ status: 200, body: { namespace: { ...TEAM, name: 'Team B' } } });
  expect(await api.call('DELETE /api/namespaces/team-a')).toMatchObject({ status: 204, text: '' });
  expect(await api.call('GET /api/namespaces/team-a')).toMatchObject({ status: 404, body: { message: 'Not Found' } });
  expect((await eventsLeft(api)).slice(1)).toEqual([
    { created_namespace: { namespace_id: 'team-a' } },
    { deleted_namespace: { namespace_id: 'team-a' } },
  ]);
});

test('namespaces: a second one by the same id is a conflict', async () => {
  await using api = await anApi();
  await api.call('POST /api/namespaces', TEAM);
  expect(await api.call('POST /api/namespaces', TEAM)).toMatchObject({ status: 409 });
});

test.each([{}, { name: null }, { name: null, description: null }])(
  'namespaces: the change %j changes nothing',
  async (body) => {
    await using api = await anApi();
    expect(await api.call('PATCH /api/namespaces/default', body)).toMatchObject({ status: 400 });
  },
);

test.each([
  ['too long a name', { ...TEAM, name: 'x'.repeat(1_025) }, 'name'],
  ['too long a description', { ...TEAM, description: 'x'.repeat(65_537) }, 'description'],
  ['an id with an underscore', { ...TEAM, id: 'team_a' }, 'id'],
  ['an id of two characters', { ...TEAM, id: 'ab' }, 'id'],
])('namespaces: %s is refused, and the field is named', async (_what, body, field) => {
  await using api = await anApi();
  const answer = await api.call('POST /api/namespaces', body);
  expect(answer).toMatchObject({ status: 400 });
  expect(answer.body).toMatchObject({ message: expect.stringMatching(new RegExp(`^${field}: `)) as string });
});

test.each(['PATCH', 'DELETE', 'GET'])('namespaces: %s of one that is missing is not found', async (method) => {
  await using api = await anApi();
  const body = method === 'PATCH' ? { name: 'x' } : undefined;
  for (const id of ['absent', 'no_such_form', 'a%2Fb']) {
    expect(await api.call(`${method} /api/namespaces/${id}`, body)).toMatchObject({ status: 404 });
  }
});

test('namespaces: one with a run that is not over stays, with all that is in it', async () => {
  await using api = await anApi();
  await deployed(api);
  await startedRun(api);
  expect(await api.call('DELETE /api/namespaces/default')).toMatchObject({ status: 409 });
  expect(await api.call('GET /api/namespaces/default/pipelines/nightly')).toMatchObject({ status: 200 });
});

test('namespaces: deleting one takes its pipelines along', async () => {
  await using api = await anApi();
  await deployed(api);
  await endRun(api, await startedRun(api), 'successful');
  await api.call('POST /api/namespaces/default/pipelines/weekly/configs', { config: aDocument({}, { id: 'weekly' }) });
  expect(await api.call('DELETE /api/namespaces/default')).toMatchObject({ status: 204 });
  expect((await api.state.range(keys.allPipelines())).kvs).toEqual([]);
  expect((await api.state.range(keys.allRuns())).kvs).toEqual([]);
});

test('namespaces: a pipeline that is registered while its namespace is deleted is never left without one', async () => {
  await using api = await anApi();
  const register = (id: string) =>
    api.call(`POST /api/namespaces/default/pipelines/${id}/configs`, { config: aDocument({}, { id }) });
  const ids = ['one-1', 'two-2', 'three-3', 'four-4'];
  await register('zero-0');
  await Promise.all([api.call('DELETE /api/namespaces/default'), ...ids.map(register)]);
  const isThere = (await api.call('GET /api/namespaces/default')).status === 200;
  const pipelines = (await api.state.range(keys.allPipelines())).kvs.length;
  expect(isThere || pipelines === 0).toBe(true);
});
