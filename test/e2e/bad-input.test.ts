// What no honest client sends: each gets a clear answer, changes nothing, and the server goes on.

import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { TemporaryDirectory } from '../temporary-directory.ts';
import { api, freePort, startServer } from './real-server.ts';
import type { RealServer } from './running-server.ts';

const MIB = 1_048_576;
/** Ten thousand records in three members of etcd, on a machine that has much else to do. */
const MANY_TASKS_MS = 60_000;
const HEADERS = { 'gofer-api-version': 'v0', authorization: 'Bearer test', 'content-type': 'application/json' };
const PIPELINES = '/api/namespaces/default/pipelines';

let directory: TemporaryDirectory;
let server: RealServer;
beforeAll(async () => {
  directory = await temporaryDirectory();
  server = await startServer({ dataDir: path.join(directory.path, 'data'), port: await freePort(), engine: 'process' });
});
afterAll(async () => {
  await server.stop();
  await directory[Symbol.asyncDispose]();
});

const aTask = (id: string, parents: Readonly<Record<string, string>> = {}, command = ['true']) => ({
  ...{ id, image: 'busybox', command, depends_on: parents, variables: {} },
  ...{ inject_api_token: false, always_pull_newest_image: false },
});
const aConfig = (id: string, tasks: readonly object[]) => ({ config: { id, name: id, parallelism: 0, tasks } });

async function register(id: string, tasks: readonly object[]) {
  return api(server, 'POST', `${PIPELINES}/${id}/configs`, aConfig(id, tasks));
}

/** Sends so many bytes, as long as they are taken. */
async function upload(route: string, bytes: number): Promise<{ readonly status: number; readonly body: string }> {
  const { hostname, port } = new URL(server.url);
  const post = request({ hostname, port, path: route, method: 'POST', headers: HEADERS });
  const piece = Buffer.alloc(MIB, ' ');
  let closed = false;
  post.on('close', () => (closed = true));
  // The server may cut the connection once it has answered.
  post.on('error', () => (closed = true));
  // Also after the answer, when nobody else listens to the connection any more.
  post.on('socket', (socket) => socket.on('error', () => (closed = true)));
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    post.on('response', resolve);
    post.on('error', reject);
  });
  answer.catch(() => undefined);
  let wake: () => void = () => undefined;
  // Whoever has the answer sends no more.
  post.on('response', () => (closed = true));
  for (const event of ['drain', 'close', 'response']) post.on(event, () => wake());
  for (let sent = 0; sent < bytes && !closed; sent += piece.length) {
    const drained = new Promise<void>((resolve) => (wake = resolve));
    if (!post.write(piece)) await drained;
  }
  post.end();
  const incoming = await answer;
  let body = '';
  for await (const chunk of incoming as AsyncIterable<Buffer>) body += chunk.toString();
  return { status: incoming.statusCode ?? 0, body };
}

/** MiB. */
function memoryInUse(): number {
  const statuses = server.pids.map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8'));
  return statuses.reduce((sum, status) => sum + Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024, 0);
}

test('a JSON body of 600 MiB is refused while it comes in, and memory stays flat', async () => {
  const before = memoryInUse();
  const { status, body } = await upload(`${PIPELINES}/huge/configs`, 600 * MIB);
  expect(status).toBe(400);
  expect(JSON.parse(body)).toMatchObject({ message: expect.stringContaining('too large') as string });
  expect(memoryInUse() - before).toBeLessThan(200);
  expect(await api(server, 'GET', `${PIPELINES}/huge`)).toMatchObject({ status: 404 });
});

test.each([
  ['not JSON', '{"config": '],
  ['an array', '[]'],
  ['nothing', ''],
  ['another type', '{"config": 7}'],
  ['a prototype', '{"config": {}, "__proto__": {"a": 1}}'],
])('a body that is %s is a clear 400', async (_what, text) => {
  const answer = await fetch(`${server.url}${PIPELINES}/bad/configs`, { method: 'POST', headers: HEADERS, body: text });
  expect(answer.status).toBe(400);
  const { message, request_id: requestId } = (await answer.json()) as Record<string, string>;
  expect(message?.length).toBeGreaterThan(10);
  expect(requestId).toBe(answer.headers.get('x-request-id'));
});

test.each([
  ['a cycle', [aTask('a', { b: 'Any' }), aTask('b', { a: 'Any' })], /cycle/],
  ['a cycle of one', [aTask('a', { a: 'Any' })], /itself|cycle/],
  ['an unknown parent', [aTask('a', { nobody: 'Success' })], /nobody/],
  [
    'an unknown rule',
    [aTask('a'), aTask('b', { a: 'Sometimes' })],
    /config\.tasks\[1\]\.depends_on\.a: expected one of .*Success/,
  ],
  ['two tasks by one name', [aTask('a'), aTask('a')], /tasks\[1\]\.id: expected an id of its own/],
  ['an impossible id', [aTask('a b/c')], /tasks.*id/],
  ['a NUL', [aTask('a', {}, ['echo', 'a\0b'])], /NUL/],
])('a graph with %s is refused with the place of the mistake', async (_what, tasks, message) => {
  const { status, body } = await register('graph', tasks);
  expect(status).toBe(400);
  expect((body as { message: string }).message).toMatch(message);
  expect(await api(server, 'GET', `${PIPELINES}/graph`)).toMatchObject({ status: 404 });
});

test.each(['../../etc', '..%2f..%2fetc', 'a%00b', 'x'.repeat(300), '%ff', 'ü', 'a b'])(
  'an impossible pipeline id (%s) is an error of the client, and nothing else',
  async (id) => {
    const answer = await fetch(`${server.url}${PIPELINES}/${id}`, { headers: HEADERS });
    expect([400, 404]).toContain(answer.status);
    expect(await answer.json()).toHaveProperty('message');
  },
);

test('a pipeline of 10,000 tasks is registered and run; one more is refused', async () => {
  const chain = Array.from({ length: 10_000 }, (_, n) => aTask(`t${n}`, n === 0 ? {} : { t0: 'Failure' }));
  expect(await register('wide', chain)).toMatchObject({ status: 201 });
  expect(await api(server, 'POST', `${PIPELINES}/wide/configs/1`)).toMatchObject({ status: 201 });
  expect(await api(server, 'POST', `${PIPELINES}/wide/runs`, { variables: {} })).toMatchObject({ status: 201 });
  await eventually(async () => {
    const { body } = await api(server, 'GET', `${PIPELINES}/wide/runs/1`);
    expect(body).toMatchObject({ run: { state: 'complete', status: 'successful' } });
  }, MANY_TASKS_MS);
  const { body } = await api(server, 'GET', `${PIPELINES}/wide/runs/1/tasks`);
  const statuses = (body as { task_executions: { status: string }[] }).task_executions.map(({ status }) => status);
  expect(statuses.filter((status) => status === 'skipped')).toHaveLength(9_999);
  const refused = await register('wider', [...chain, aTask('one-more')]);
  expect(refused).toMatchObject({ status: 400, body: { message: expect.stringContaining('10000') as string } });
});
