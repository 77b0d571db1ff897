import { expect, test } from 'vitest';
import { finishDeletions } from '../../../api/operations/pipeline-deletion.ts';
import { keys, scopes } from '../../../store/keys.ts';
import { parseNamespaceId, parsePipelineId } from '../../../store/model/ids.ts';
import { AppError } from '../../../store/model/errors.ts';
import { objectKeyRecord, secretKeyRecord } from '../../../store/records/blob-records.ts';
import { PIPELINE, aDocument, anApi, deployed, endRun, eventsLeft, startedRun } from './api-world.ts';
import type { ApiWorld } from './api-world.ts';
import { NOON } from '../worlds.ts';

const KEY = { namespaceId: parseNamespaceId('default'), pipelineId: parsePipelineId('nightly') };

test('pipelines: shown with the version that is live', async () => {
  await using api = await anApi();
  await deployed(api);
  const wanted = { namespace_id: 'default', pipeline_id: 'nightly', state: 'active', modified: 0, live_version: 1 };
  expect(await api.call(`GET ${PIPELINE}`)).toMatchObject({ status: 200, body: { pipeline: wanted } });
  const list = await api.call('GET /api/namespaces/default/pipelines');
  expect(list).toMatchObject({ status: 200, body: { pipelines: [wanted] } });
});

test.each(['absent', 'no_such_form'])('pipelines: the list of namespace %s is empty', async (namespace) => {
  await using api = await anApi();
  const answer = await api.call(`GET /api/namespaces/${namespace}/pipelines`);
  expect(answer).toMatchObject({ status: 200, body: { pipelines: [] } });
});

test('pipelines: disabling and enabling are events; to be what it is already is none', async () => {
  await using api = await anApi();
  await deployed(api);
  const before = (await eventsLeft(api)).length;
  for (const state of ['disabled', 'disabled', 'active', 'active']) {
    expect(await api.call(`PATCH ${PIPELINE}`, { state })).toMatchObject({ status: 204, text: '' });
  }
  const facts = { namespace_id: 'default', pipeline_id: 'nightly' };
  expect((await eventsLeft(api)).slice(before)).toEqual([{ disabled_pipeline: facts }, { enabled_pipeline: facts }]);
});

test.each([{}, { state: null }, { state: 'unknown' }, { state: 'paused' }, { state: 1 }])(
  'pipelines: the change %j is refused',
  async (body) => {
    await using api = await anApi();
    await deployed(api);
    expect(await api.call(`PATCH ${PIPELINE}`, body)).toMatchObject({ status: 400 });
  },
);

test('pipelines: one with a run that is not over is not deleted, and the message says what to do', async () => {
  await using api = await anApi();
  await deployed(api);
  await startedRun(api);
  const answer = await api.call(`DELETE ${PIPELINE}`);
  expect(answer).toMatchObject({ status: 409 });
  expect(answer.text).toContain('cancel them first');
});

async function filledPipeline(api: ApiWorld): Promise<void> {
  await deployed(api);
  await deployed(api);
  await endRun(api, await startedRun(api), 'failed');
  const run = { ...KEY, runId: 1 as never };
  const object = { created: NOON, modified: NOON, size: 1, sha256: '' };
  api.blobs.set('blob-1', Buffer.from('x')).set('blob-2', Buffer.from('x'));
  api.blobs.set('logs/default/nightly/1/attempt', Buffer.from('x')).set('logs/default/nightly2/1/a', Buffer.from('x'));
  api.values.set('secret-1', 'hidden');
  const puts: readonly (readonly [string, string])[] = [
    [keys.object(scopes.pipeline(KEY), 'a'), objectKeyRecord.encode({ ...object, key: 'a', blobName: 'blob-1' })],
    [keys.object(scopes.run(run), 'b'), objectKeyRecord.encode({ ...object, key: 'b', blobName: 'blob-2' })],
    [
      keys.secret(scopes.pipeline(KEY), 'c'),
      secretKeyRecord.encode({ key: 'c', created: NOON, modified: NOON, namespaces: [], secretName: 'secret-1' }),
    ],
    [keys.task({ ...run, taskId: 'build' as never }), '{}'],
    [keys.retention(KEY), '{}'],
    [keys.idempotency(KEY, '0', 'x'), '{}'],
  ];
  await api.state.commit({ compares: [], writes: puts.map(([key, value]) => ({ op: 'put', key, value })) });
}

/** Keys that name the pipeline, besides the run counter, which outlives it. */
async function leftKeys(api: ApiWorld): Promise<string[]> {
  const { kvs } = await api.state.range({ start: '\0', end: '\uffff' });
  const names = kvs.map(({ key }) => key);
  return names.filter((key) => key.includes('default/nightly') && !key.startsWith('run-counter/'));
}

test('pipelines: deleting one leaves nothing of it behind, and nothing of others is touched', async () => {
  await using api = await anApi();
  await filledPipeline(api);
  expect(await api.call(`DELETE ${PIPELINE}`)).toMatchObject({ status: 204 });
  expect(await leftKeys(api)).toEqual([]);
  expect([...api.blobs.keys()]).toEqual(['logs/default/nightly2/1/a']);
  expect([...api.values.keys()]).toEqual([]);
  const facts = { namespace_id: 'default', pipeline_id: 'nightly' };
  expect((await eventsLeft(api)).at(-1)).toEqual({ deleted_pipeline: facts });
  expect(await api.call(`DELETE ${PIPELINE}`)).toMatchObject({ status: 404 });
});

test('pipelines: run numbers go on after a deletion, and lists show the new runs', async () => {
  await using api = await anApi();
  await deployed(api);
  for (let count = 0; count < 3; count += 1) await endRun(api, await startedRun(api), 'successful');
  await api.call(`DELETE ${PIPELINE}`);
  await deployed(api);
  expect(await startedRun(api)).toBe(4);
  for (const query of ['', '?reverse=true', '?limit=1']) {
    expect(await api.call(`GET ${PIPELINE}/runs${query}`)).toMatchObject({ body: { runs: [{ run_id: 4 }] } });
  }
});

/** The object store fails after this many deletions, as if the server died there. */
function failingAfter(api: ApiWorld, count: number): ApiWorld['deps'] {
  let left = count;
  const deletion = async (name: string) => {
    left -= 1;
    if (left < 0) throw new AppError('unavailable', 'The object store is not reachable.');
    api.blobs.delete(name);
  };
  return { ...api.deps, objects: { ...api.deps.objects, delete: deletion } };
}

test.each([0, 1, 2])(
  'pipelines: a deletion that stops after %i blobs hides the pipeline and is finished later',
  async (count) => {
    await using api = await anApi();
    await filledPipeline(api);
    const { objects } = failingAfter(api, count);
    const whole = api.deps.objects.delete;
    api.deps.objects.delete = objects.delete;
    expect(await api.call(`DELETE ${PIPELINE}`)).toMatchObject({ status: 503 });
    expect(await api.call(`GET ${PIPELINE}`)).toMatchObject({ status: 404 });
    api.deps.objects.delete = whole;
    await finishDeletions(api.deps);
    expect(await leftKeys(api)).toEqual([]);
    expect([...api.blobs.keys()]).toEqual(['logs/default/nightly2/1/a']);
  },
);

test('pipelines: a name is taken again only when nothing of its old pipeline is left', async () => {
  await using api = await anApi();
  await filledPipeline(api);
  const whole = api.deps.objects.delete;
  api.deps.objects.delete = failingAfter(api, 1).objects.delete;
  await api.call(`DELETE ${PIPELINE}`);
  expect(await api.call(`POST ${PIPELINE}/configs`, { config: aDocument() })).toMatchObject({ status: 503 });
  api.deps.objects.delete = whole;
  const again = await api.call(`POST ${PIPELINE}/configs`, { config: aDocument() });
  expect(again).toMatchObject({ status: 201, body: { pipeline: { config: { version: 1 } } } });
  expect(await api.call(`GET ${PIPELINE}/configs`)).toMatchObject({ body: { configs: [{ version: 1 }] } });
});

test('pipelines: a start and a deletion at the same moment never leave a run without its pipeline', async () => {
  await using api = await anApi();
  await deployed(api);
  await Promise.all([startedRun(api).catch(() => 0), api.call(`DELETE ${PIPELINE}`), startedRun(api).catch(() => 0)]);
  const isThere = (await api.call(`GET ${PIPELINE}`)).status === 200;
  const runs = (await api.state.range(keys.openRunsOf(KEY))).kvs.length;
  expect(isThere || runs === 0).toBe(true);
});
