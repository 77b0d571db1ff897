// Which calls the client sends again, when, and for how long.

import { Readable } from 'node:stream';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createClient } from '../../../sdk/client/client.ts';
import type { Client, ClientOptions } from '../../../sdk/client/client.ts';
import { ApiError, UnreachableError } from '../../../sdk/client/errors.ts';
import { retryAfterMs } from '../../../sdk/client/retry.ts';
import { eventually } from '../../eventually.ts';
import { aScriptedServer } from './scripted-server.ts';
import type { Line, ScriptedServer } from './scripted-server.ts';

/** Node loads its HTTP client with the first call, which on a busy machine takes longer than a first contact may. */
beforeAll(async () => {
  await clientOf(await aScriptedServer(OK)).getRun(RUN);
});
afterEach(() => {
  vi.useRealTimers();
});

const OF = { namespaceId: 'default', pipelineId: 'hello' };
const RUN = { ...OF, runId: 7 };
const OK: Line = { status: 200, body: '{"run":{"run_id":7}}' };
const NOT_FOUND: Line = { status: 404, body: '{"message":"Not Found","request_id":"r"}' };
const AWAY: readonly Line[] = ['reset', { status: 502 }, { status: 503 }, { status: 504 }];

function clientOf(server: Pick<ScriptedServer, 'url'>, options: Partial<ClientOptions> = {}): Client {
  return createClient({ baseUrl: server.url, token: '', ...options });
}

const REPEATABLE: readonly (readonly [name: string, call: (client: Client) => Promise<unknown>])[] = [
  ['a reading call', (client) => client.getRun(RUN)],
  ['a deletion', (client) => client.deletePipeline(OF)],
  ['a cancellation', (client) => client.cancelRun(RUN)],
  ['a start', (client) => client.startRun({ ...OF, variables: {} })],
  ['a retry of a run', (client) => client.retryRun(RUN)],
  ['an object that replaces', (client) => client.putRunObject({ ...RUN, key: 'k', force: true, body: 'bytes' })],
  ['a secret that replaces', (client) => client.putPipelineSecret({ ...OF, key: 'k', content: 'c', force: true })],
];

test.each(REPEATABLE)('%s is sent again after each fault that may pass', async (_, call) => {
  const server = await aScriptedServer(...AWAY, OK);
  await call(clientOf(server));
  expect(server.seen).toHaveLength(AWAY.length + 1);
  expect(new Set(server.seen.map(({ method, url, body }) => `${method} ${url} ${body}`)).size).toBe(1);
});

const ONCE: readonly (readonly [name: string, call: (client: Client) => Promise<unknown>])[] = [
  ['a config', (client) => client.registerConfig({ ...OF, config: {} as never })],
  ['a deployment', (client) => client.deployConfig({ ...OF, version: 1 })],
  ['a change', (client) => client.updatePipeline({ ...OF, state: 'active' })],
  ['an object that may only create', (client) => client.putRunObject({ ...RUN, key: 'k', force: false, body: 'b' })],
  [
    'an upload that was read while it was sent',
    (client) => client.putRunObject({ ...RUN, key: 'k', force: true, body: Readable.from([Buffer.from('bytes')]) }),
  ],
  [
    'a secret that may only create',
    (client) => client.putGlobalSecret({ key: 'k', content: 'c', force: false, namespaces: [] }),
  ],
];

test.each(ONCE)('%s is never sent twice', async (_, call) => {
  for (const fault of AWAY) {
    const server = await aScriptedServer(fault, OK);
    await expect(call(clientOf(server))).rejects.toThrow();
    expect(server.seen).toHaveLength(1);
  }
});

test.each([
  ['what the API refuses', { status: 409, body: '{"message":"no"}' }],
  ['a fault of the server', { status: 500 }],
  ['what is not built', { status: 501 }],
  [
    'a pipeline that is turned off',
    { status: 503, body: '{"message":"Service Unavailable: Pipeline hello is disabled: enable it."}' },
  ],
] as const)('%s is thrown at once', async (_, line) => {
  const server = await aScriptedServer(line, OK);
  await expect(clientOf(server).startRun({ ...OF, variables: {} })).rejects.toBeInstanceOf(ApiError);
  expect(server.seen).toHaveLength(1);
});

test('a start keeps one key for all its tries, and each start has its own unless the caller gave one', async () => {
  const server = await aScriptedServer('reset', OK);
  const client = clientOf(server);
  await client.startRun({ ...OF, variables: {} });
  await client.startRun({ ...OF, variables: {} });
  await client.startRun({ ...OF, variables: {}, idempotencyKey: 'mine' });
  const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
  expect(keys[0]).toBe(keys[1]);
  expect(new Set(keys).size).toBe(3);
  expect(keys.at(-1)).toBe('mine');
});

test('a deletion that may have been carried out is good when the thing is gone; other calls are not', async () => {
  await clientOf(await aScriptedServer('reset', NOT_FOUND)).deletePipeline(OF);
  await expect(clientOf(await aScriptedServer(NOT_FOUND)).deletePipeline(OF)).rejects.toMatchObject({ status: 404 });
  await expect(clientOf(await aScriptedServer('reset', NOT_FOUND)).cancelRun(RUN)).rejects.toMatchObject({
    status: 404,
  });
});

test('an answer that breaks off is asked for again', async () => {
  const server = await aScriptedServer({ ...OK, cutAt: 5 }, OK);
  expect(await clientOf(server).getRun(RUN)).toEqual({ run: { run_id: 7 } });
});

test('Retry-After is obeyed, and what lies beyond the time for tries is not waited for', async () => {
  const server = await aScriptedServer({ status: 503, headers: { 'retry-after': '1' } }, OK);
  const begun = performance.now();
  await clientOf(server).getRun(RUN);
  expect(performance.now() - begun).toBeGreaterThan(990);
  const far = await aScriptedServer({ status: 503, headers: { 'retry-after': '3600' } }, OK);
  await expect(clientOf(far).getRun(RUN)).rejects.toMatchObject({ status: 503, retryAfterMs: 3_600_000 });
  expect(far.seen).toHaveLength(1);
});

test.each([
  ['120', 120_000],
  ['Fri, 21 Nov 2025 12:00:30 GMT', 30_000],
  ['Fri, 21 Nov 2025 11:00:00 GMT', 0],
  ['soon', null],
  [null, null],
])('Retry-After: %s', (header, wanted) => {
  expect(retryAfterMs(header, Date.parse('2025-11-21T12:00:00Z'))).toBe(wanted);
});

test('tries end with their time, with pauses that grow', async () => {
  const server = await aScriptedServer({ status: 503 });
  const begun = performance.now();
  await expect(clientOf(server, { retryMs: 1_000 }).getRun(RUN)).rejects.toMatchObject({ status: 503 });
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(server.seen.length).toBeGreaterThan(2);
  expect(server.seen.length).toBeLessThan(12);
});

test('without time for tries there is one', async () => {
  const server = await aScriptedServer('reset', OK);
  await expect(clientOf(server, { retryMs: 0 }).getRun(RUN)).rejects.toBeInstanceOf(UnreachableError);
  expect(server.seen).toHaveLength(1);
});

test('where nothing ever answered, the message does not keep anybody waiting', async () => {
  const url = await deadUrl();
  const begun = performance.now();
  await expect(clientOf({ url }).getRun(RUN)).rejects.toThrow(`Gofer cannot be reached at ${url} (`);
  expect(performance.now() - begun).toBeLessThan(3_000);
});

test('several base URLs: a node that refuses is passed over, by calls that may not be repeated as well', async () => {
  const server = await aScriptedServer(OK);
  const url = `${await deadUrl()}, ${server.url}/`;
  const client = clientOf({ url });
  await client.registerConfig({ ...OF, config: {} as never });
  await client.getRun(RUN);
  expect(server.seen.map(({ method }) => method)).toEqual(['POST', 'GET']);
  expect(client.baseUrl).toBe(server.url);
});

test('several base URLs: the next node is asked at once when one is away', async () => {
  const [first, second] = [await aScriptedServer({ status: 503 }), await aScriptedServer(OK)];
  const begun = performance.now();
  await clientOf({ url: `${first.url},${second.url}` }).getRun(RUN);
  expect([first.seen.length, second.seen.length]).toEqual([1, 1]);
  expect(performance.now() - begun).toBeLessThan(1_000);
});

test('a server that takes a call and is frozen is given up; the call is sent again', async () => {
  const server = await aScriptedServer('silence', OK);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const answer = clientOf(server).getRun(RUN);
  while (server.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await vi.advanceTimersByTimeAsync(10_000);
  vi.useRealTimers();
  expect(await answer).toEqual({ run: { run_id: 7 } });
});

test('who leaves is not kept by pauses, nor by a server that does not answer', async () => {
  for (const line of [{ status: 503, headers: { 'retry-after': '20' } }, 'silence'] as const) {
    const leaving = new AbortController();
    const server = await aScriptedServer(line);
    const answer = clientOf(server, { signal: leaving.signal }).getRun(RUN);
    answer.catch(() => undefined);
    await eventually(() => expect(server.seen).toHaveLength(1));
    leaving.abort(new Error('leaving'));
    await expect(answer).rejects.toThrow();
  }
});

const BYTES = 'x'.repeat(100_000) + 'end';
const TAGGED = { etag: '"one"' };

async function downloaded(server: ScriptedServer): Promise<string> {
  const { body } = await clientOf(server).getRunObject({ ...RUN, key: 'k' });
  let text = '';
  for await (const bytes of body) text += Buffer.from(bytes).toString();
  return text;
}

test('a download goes on where it broke off', async () => {
  const whole = { status: 200, headers: TAGGED, body: BYTES, cutAt: 50_000 };
  const rest = { status: 206, headers: TAGGED, body: BYTES.slice(50_000) };
  const server = await aScriptedServer(whole, 'reset', { status: 503 }, rest);
  expect(await downloaded(server)).toBe(BYTES);
  expect(server.seen.at(-1)?.headers.range).toBe('bytes=50000-');
});

test.each([
  ['another object', { status: 206, headers: { etag: '"two"' }, body: BYTES.slice(50_000) }],
  ['all of it', { status: 200, headers: TAGGED, body: BYTES }],
  ['nothing', NOT_FOUND],
])('a download that cannot go on fails: there is %s now', async (_, next) => {
  const server = await aScriptedServer({ status: 200, headers: TAGGED, body: BYTES, cutAt: 50_000 }, next);
  await expect(downloaded(server)).rejects.toThrow();
  expect(server.seen).toHaveLength(2);
});

/** Nobody listens there. */
async function deadUrl(): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
