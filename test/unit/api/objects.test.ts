import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { expect, test } from 'vitest';
import { rangeOf } from '../../../api/rest/object-bodies.ts';
import { PIPELINE, VERSION_HEADER, anApi, at, deployed, startedRun } from './api-world.ts';
import type { ApiWorld, WorldOptions } from './api-world.ts';
import { aListeningApi } from './streams-world.ts';

async function aPipeline(options: WorldOptions = {}): Promise<ApiWorld> {
  const api = await anApi(options);
  await deployed(api);
  return api;
}

const OBJECTS = `${PIPELINE}/objects`;
const put = (api: ApiWorld, path: string, body: string, headers = {}) => api.call(`POST ${path}`, body, headers);
const keysOf = async (api: ApiWorld) => at((await api.call(`GET ${OBJECTS}`)).body, 'objects');

test.each([{}, { 'content-type': 'application/json' }, { 'content-type': 'application/octet-stream' }])(
  'an object comes back byte by byte, whatever its media type: %j',
  async (headers) => {
    await using api = await aPipeline();
    const text = '{ not json \0 ü';
    const sha256 = createHash('sha256').update(text).digest('hex');
    const answer = await put(api, `${OBJECTS}/report?force=false`, text, headers);
    expect(answer).toMatchObject({ status: 201, body: { object: { key: 'report', size: 15, sha256 } } });
    expect(await api.call(`GET ${OBJECTS}/report`)).toMatchObject({
      status: 200,
      text,
      headers: { 'content-type': 'application/octet-stream', 'content-length': '15', etag: `"${sha256}"` },
    });
  },
);

test('objects of runs are apart from those of the pipeline', async () => {
  await using api = await aPipeline();
  const runId = await startedRun(api);
  const ofRun = `${PIPELINE}/runs/${runId}/objects`;
  await put(api, `${ofRun}/x?force=false`, 'run');
  await put(api, `${OBJECTS}/${runId}_x?force=false`, 'pipeline');
  expect((await api.call(`GET ${ofRun}/x`)).text).toBe('run');
  expect((await api.call(`GET ${OBJECTS}/${runId}_x`)).text).toBe('pipeline');
  expect(await api.call(`GET ${ofRun}`)).toMatchObject({ body: { objects: [{ key: 'x' }] } });
  expect(await api.call(`DELETE ${ofRun}/x`)).toMatchObject({ status: 204 });
  expect(await api.call(`GET ${ofRun}/x`)).toMatchObject({ status: 400, body: { message: 'Object not found' } });
});

test('any key of one path segment goes', async () => {
  await using api = await aPipeline();
  const key = 'a/b ü?#%2F*~';
  expect(await put(api, `${OBJECTS}/${encodeURIComponent(key)}?force=false`, 'x')).toMatchObject({ status: 201 });
  expect(await keysOf(api)).toMatchObject([{ key }]);
  expect(await api.call(`GET ${OBJECTS}/${encodeURIComponent(key)}`)).toMatchObject({ status: 200, text: 'x' });
});

test('an overwrite wants force, keeps the time of creation and leaves no bytes behind', async () => {
  let now = 1_000;
  await using api = await aPipeline({ now: () => now });
  await put(api, `${OBJECTS}/report?force=false`, 'old');
  now = 2_000;
  expect(await put(api, `${OBJECTS}/report?force=false`, 'new')).toMatchObject({ status: 400 });
  expect(api.blobs.size).toBe(1);
  expect(await put(api, `${OBJECTS}/report?force=true`, 'new')).toMatchObject({
    status: 201,
    body: { object: { created: 1_000, modified: 2_000 } },
  });
  expect(api.blobs.size).toBe(1);
  expect((await api.call(`GET ${OBJECTS}/report`)).text).toBe('new');
});

test('the ring buffer: a new key beyond the limit displaces the oldest one', async () => {
  let now = 1_000;
  await using api = await aPipeline({ now: () => (now += 1) });
  for (let n = 0; n < 50; n += 1) await put(api, `${OBJECTS}/k${n}?force=false`, 'x');
  await put(api, `${OBJECTS}/k0?force=true`, 'y');
  expect(await keysOf(api)).toHaveLength(50);
  await put(api, `${OBJECTS}/k50?force=false`, 'x');
  const found = (await keysOf(api)) as { key: string }[];
  expect(found.map(({ key }) => key)).toEqual(Array.from({ length: 50 }, (_, n) => `k${n + 1}`));
  expect(api.blobs.size).toBe(50);
});

test.each([
  ['POST', `${OBJECTS}/x`, 400],
  ['POST', `${OBJECTS}/x?force=1`, 400],
  ['POST', `${OBJECTS}/${'k'.repeat(1_000)}?force=false`, 400],
  ['POST', `${OBJECTS}/%00?force=false`, 400],
  ['POST', '/api/namespaces/default/pipelines/none/objects/x?force=false', 404],
  ['POST', `${PIPELINE}/runs/9/objects/x?force=false`, 404],
  ['DELETE', `${OBJECTS}/none`, 404],
  ['GET', `${OBJECTS}/none`, 400],
  ['GET', '/api/namespaces/default/pipelines/none/objects', 200],
])('%s %s is answered with %i and keeps nothing', async (method, path, status) => {
  await using api = await aPipeline();
  expect((await api.call(`${method} ${path}`, method === 'POST' ? 'bytes' : undefined)).status).toBe(status);
  expect(api.blobs.size).toBe(0);
});

test('an upload that is cut off keeps nothing and is nobody’s fault but the client’s', async () => {
  await using api = await aListeningApi();
  await deployed(api);
  const { hostname, port } = new URL(api.url);
  const headers = { ...VERSION_HEADER, 'content-length': 1_000 };
  const upload = httpRequest({ hostname, port, method: 'POST', path: `${OBJECTS}/x?force=false`, headers });
  const closed = new Promise((resolve) => upload.on('error', resolve).on('close', resolve));
  upload.write('only this much');
  api.deps.objects.put = wrapped(api.deps.objects.put.bind(api.deps.objects), () => upload.destroy());
  await closed;
  expect(await keysOf(api)).toEqual([]);
  expect(api.blobs.size).toBe(0);
  expect(api.logged).toEqual([]);
});

function wrapped<T extends (...args: never[]) => unknown>(call: T, first: () => void): T {
  return ((...args: never[]) => {
    first();
    return call(...args);
  }) as T;
}

test.each([
  ['bytes=2-4', 206, 'cde', 'bytes 2-4/10'],
  ['bytes=7-', 206, 'hij', 'bytes 7-9/10'],
  ['bytes=-3', 206, 'hij', 'bytes 7-9/10'],
  ['bytes=2-99', 206, 'cdefghij', 'bytes 2-9/10'],
  ['bytes=0-1,3-4', 200, 'abcdefghij', undefined],
  ['lines=1-2', 200, 'abcdefghij', undefined],
])('a range of an object: %s', async (range, status, text, contentRange) => {
  await using api = await aPipeline();
  await put(api, `${OBJECTS}/letters?force=false`, 'abcdefghij');
  const answer = await api.call(`GET ${OBJECTS}/letters`, undefined, { range });
  expect(answer).toMatchObject({ status, text });
  expect(answer.headers['content-range']).toBe(contentRange);
});

test('a range behind the end, and an entity tag that the client has already', async () => {
  await using api = await aPipeline();
  await put(api, `${OBJECTS}/letters?force=false`, 'abc');
  const behind = await api.call(`GET ${OBJECTS}/letters`, undefined, { range: 'bytes=3-' });
  expect(behind).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */3' } });
  const { etag } = (await api.call(`GET ${OBJECTS}/letters`)).headers;
  const again = await api.call(`GET ${OBJECTS}/letters`, undefined, { 'if-none-match': String(etag) });
  expect(again).toMatchObject({ status: 304, text: '' });
});

test('range: the last bytes of nothing are none', () => {
  expect(rangeOf('bytes=-5', 0)).toBeNull();
  expect(rangeOf('bytes=5-2', 10)).toBeUndefined();
  expect(rangeOf(undefined, 10)).toBeUndefined();
});
