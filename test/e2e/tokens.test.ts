// Tokens at real servers: asked for wherever the configuration does not say otherwise, and the same on all nodes of a cluster.

import path from 'node:path';
import { expect, test } from 'vitest';
import { createClient } from '../../sdk/client/client.ts';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { startCluster } from './cluster-world.ts';
import { api, freePort, gofer, startServer } from './real-server.ts';

const ASKS = { GOFER_WEB_DEVELOPMENT__BYPASS_AUTH: 'false' };

interface Url {
  readonly url: string;
}

interface Created {
  readonly secret: string;
  readonly token_details: { readonly id: string };
}

/** Anybody may, once. */
async function bootstrap(server: Url): Promise<{ readonly status: number; readonly secret: string }> {
  const { status, body } = await api(server, 'POST', '/api/tokens/bootstrap');
  return { status, secret: status === 201 ? (body as Created).secret : '' };
}

async function statusWith({ url }: Url, secret: string, route = '/api/system'): Promise<number> {
  const headers = { 'gofer-api-version': 'v0', authorization: `Bearer ${secret}` };
  return (await fetch(`${url}${route}`, { headers })).status;
}

test('one server: nothing without a token; the first one is made once and outlives a kill; the CLI uses it', async () => {
  await using directory = await temporaryDirectory();
  const dataDir = path.join(directory.path, 'data');
  const options = { dataDir, port: await freePort(), engine: 'process', environment: ASKS } as const;
  const first = await startServer(options);
  expect(await statusWith(first, 'nobody')).toBe(401);
  const { status, secret } = await bootstrap(first);
  expect({ status, again: (await bootstrap(first)).status }).toEqual({ status: 201, again: 409 });
  await first.kill();
  const second = await startServer(options);
  try {
    expect({ status: await statusWith(second, secret), again: (await bootstrap(second)).status }).toEqual({
      status: 200,
      again: 409,
    });
    const listed = await gofer(second, ['namespace', 'list', '--json'], { environment: { GOFER_TOKEN: secret } });
    expect(JSON.parse(listed.stdout)).toMatchObject({ namespaces: [{ id: 'default' }] });
    const refused = await gofer(second, ['namespace', 'list'], { environment: { GOFER_TOKEN: 'wrong' } });
    expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('GOFER_TOKEN') as string });
    expect(second.log()).not.toContain(secret);
    expect(second.log()).not.toContain('no tokens are asked for');
    const stream = createClient({ baseUrl: second.url, token: 'wrong' }).streamEvents({ history: true });
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ status: 401 });
  } finally {
    await second.stop();
  }
});

test('three nodes: of all that are asked at once one makes the first token; it works on all, and is refused by all', async () => {
  await using world = await startCluster({ environment: ASKS });
  const [one, ...others] = world.nodes;
  if (one === undefined) throw new Error('a cluster of three has a first node');
  const made = await Promise.all([...world.nodes, ...world.nodes].map(bootstrap));
  expect(made.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409, 409]);
  const admin = made.find(({ status }) => status === 201)?.secret ?? '';
  for (const node of world.nodes) expect(await statusWith(node, admin)).toBe(200);

  const client = { 'gofer-api-version': 'v0', authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ user: 'ada', roles: ['admin'], expires: 0 });
  const answer = await fetch(`${one.url}/api/tokens`, { method: 'POST', headers: client, body });
  const { secret, token_details } = (await answer.json()) as Created;
  for (const node of others) expect(await statusWith(node, secret)).toBe(200);

  const url = `${one.url}/api/tokens/${token_details.id}`;
  expect((await fetch(url, { method: 'DELETE', headers: client })).status).toBe(204);
  expect(await statusWith(one, secret)).toBe(401);
  for (const node of others) await eventually(async () => expect(await statusWith(node, secret)).toBe(401));
}, 120_000);
