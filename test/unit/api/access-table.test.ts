// Every route of the router against every kind of caller (spec 1.5, 1.8, 1.9). A route without a row fails.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ACCESS_ROWS } from './access-rows.ts';
import type { AccessRow } from './access-rows.ts';
import { PIPELINE, aDocument, anApi, at, deployed, startedRun } from './api-world.ts';
import type { Answer, ApiWorld } from './api-world.ts';
import { NOON } from '../worlds.ts';

const IDENTITIES = [
  'no header',
  'malformed header',
  'unknown token',
  'disabled token',
  'expired token',
  'no role',
  'role that does not exist',
  'wrong action',
  'wrong target',
  'split over two roles',
  'right role',
  'admin',
] as const;
type Identity = (typeof IDENTITIES)[number];

/** What the path's variables stand for. The pipeline exists, so that nothing is missing where a right is asked for. */
const IDS: Readonly<Record<string, string>> = {
  namespace_id: 'default',
  pipeline_id: 'nightly',
  run_id: '1',
  task_id: 'build',
  version: '1',
  deployment_id: '1',
  key: 'some-key',
  event_id: 'some-event',
  role_id: 'some-role',
  id: 'some-token',
  node: 'n1',
  extension_id: 'some-extension',
  subscription_id: 'some-subscription',
};
/** Bodies and parameters that the schema takes: a malformed one is refused before the caller is looked at (spec 1.5). */
const BODIES: Readonly<Record<string, object>> = {
  'POST /api/namespaces': { id: 'team-a', name: '', description: '' },
  'PATCH /api/namespaces/{namespace_id}': { name: 'Default' },
  'PATCH /api/namespaces/{namespace_id}/pipelines/{pipeline_id}': { state: 'active' },
  'POST /api/namespaces/{namespace_id}/pipelines/{pipeline_id}/configs': { config: aDocument() },
  'POST /api/namespaces/{namespace_id}/pipelines/{pipeline_id}/runs': { variables: {} },
  'POST /api/namespaces/{namespace_id}/pipelines/{pipeline_id}/secrets': { key: 'a', content: 'b', force: true },
  'POST /api/secrets/global': { key: 'a', content: 'b', force: true, namespaces: ['.*'] },
  'POST /api/roles': { id: 'some-role-2', description: '', permissions: [] },
  'PATCH /api/roles/{role_id}': { description: '' },
  'POST /api/tokens': { user: 'somebody', roles: [], expires: 0 },
  'PATCH /api/tokens/{id}': { disabled: false },
  'PATCH /api/system': { ignore_pipeline_run_events: false },
  'POST /api/cluster/transfer': {},
};
const QUERIES = 'force=true&include_secret=false&wait_for=1&command=true';

let now = NOON;
let api: ApiWorld;
let admin: string;

beforeAll(async () => {
  api = await anApi({ tokens: true, now: () => now });
  const { body } = await api.call('POST /api/tokens/bootstrap');
  admin = String(at(body, 'secret'));
  await deployed(asAdmin(api));
  await startedRun(asAdmin(api));
});
afterAll(() => api[Symbol.asyncDispose]());

function bearer(secret: string) {
  return { authorization: `Bearer ${secret}` };
}

function asAdmin(world: ApiWorld): ApiWorld {
  return { ...world, call: (request, body, headers) => world.call(request, body, { ...bearer(admin), ...headers }) };
}

async function tokenWith(
  roles: readonly string[],
  expires = 0,
): Promise<{ readonly id: string; readonly secret: string }> {
  const { status, body } = await asAdmin(api).call('POST /api/tokens', { user: 'somebody', roles, expires });
  expect(status).toBe(201);
  return { id: String(at(body, 'token_details.id')), secret: String(at(body, 'secret')) };
}

let roleCount = 0;

async function roleWith(resources: readonly string[], action: string): Promise<string> {
  roleCount += 1;
  const id = `role-${roleCount}`;
  const permissions = [{ resources, actions: [action] }];
  expect(await asAdmin(api).call('POST /api/roles', { id, description: '', permissions })).toMatchObject({
    status: 201,
  });
  return id;
}

const TARGETED = new Set(['namespaces', 'pipelines', 'extensions']);

async function headersOf(identity: Identity, { resources, action }: AccessRow): Promise<Record<string, string>> {
  switch (identity) {
    case 'no header':
      return {};
    case 'malformed header':
      return { authorization: `bearer ${admin}` };
    case 'unknown token':
      return bearer('x'.repeat(32));
    case 'disabled token': {
      const { id, secret } = await tokenWith(['admin']);
      expect(await asAdmin(api).call(`PATCH /api/tokens/${id}`, { disabled: true })).toMatchObject({ status: 204 });
      return bearer(secret);
    }
    case 'expired token': {
      const { secret } = await tokenWith(['admin'], 1);
      now += 1_001;
      return bearer(secret);
    }
    case 'no role':
      return bearer((await tokenWith([])).secret);
    case 'role that does not exist':
      return bearer((await tokenWith(['never-made'])).secret);
    case 'wrong action': {
      const other = action === 'read' ? 'write' : 'read';
      return bearer((await tokenWith([await roleWith(['all'], other)])).secret);
    }
    case 'wrong target': {
      const elsewhere = resources.map((name) => (TARGETED.has(name) ? `${name}:^elsewhere$` : name));
      return bearer((await tokenWith([await roleWith(elsewhere, action)])).secret);
    }
    case 'split over two roles': {
      const [first = 'all', ...others] = resources;
      const two = [await roleWith([first], action), await roleWith(others, action)];
      return bearer((await tokenWith(two)).secret);
    }
    case 'right role': {
      const targets = resources.map((name) =>
        TARGETED.has(name) ? `${name}:^(default|nightly|some-extension)$` : name,
      );
      return bearer((await tokenWith([await roleWith(targets, action)])).secret);
    }
    case 'admin':
      return bearer(admin);
  }
}

type Verdict = 'let in' | { readonly status: 400 | 401; readonly message: string };

function expected(identity: Identity, { route, resources, special }: AccessRow): Verdict {
  if (special === 'free' || special === 'open' || identity === 'admin') return 'let in';
  const unknown = UNKNOWN[identity];
  if (unknown !== undefined) return special === 'anonymous' ? 'let in' : unknown;
  if (special === 'admin') return { status: 401, message: 'role admin' };
  const refused: Verdict = { status: 401, message: 'No role of this token' };
  if (identity === 'right role') return 'let in';
  if (identity === 'split over two roles') return resources.length > 1 ? refused : 'let in';
  // A route for all of them has no target, and the name is enough.
  const isNarrowed = resources.some((name) => TARGETED.has(name) && hasTarget(route, name));
  return identity === 'wrong target' && !isNarrowed ? 'let in' : refused;
}

const UNKNOWN: Readonly<Partial<Record<Identity, Verdict>>> = {
  'no header': { status: 400, message: 'authorization is missing' },
  'malformed header': { status: 400, message: 'authorization is malformed' },
  'unknown token': { status: 401, message: 'Unauthorized' },
  'disabled token': { status: 401, message: 'Token disabled' },
  'expired token': { status: 401, message: 'Token expired' },
};

function hasTarget(route: string, resource: string): boolean {
  return route.includes(`{${resource.slice(0, -1)}_id}`);
}

async function ask(route: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const url = route.replaceAll(/\{(\w+)\}/g, (_all, name: string) => IDS[name] ?? 'unknown-variable');
  return api.call(`${url}?${QUERIES}`, BODIES[route], headers);
}

/** What the callers' checks say, and nothing behind them does. */
const REFUSALS =
  /^The header authorization|^Unauthorized$|^Token (disabled|expired)$|^Only a token with role|^No role of this/;

function messageOf({ body }: Answer): string {
  const message = at(body, 'message');
  return typeof message === 'string' ? message : '';
}

let cases = 0;

test.each(ACCESS_ROWS)('$route', async (row) => {
  for (const identity of IDENTITIES) {
    const answer = await ask(row.route, await headersOf(identity, row));
    const message = messageOf(answer);
    const verdict = expected(identity, row);
    const seen = REFUSALS.test(message) ? { status: answer.status, message } : 'let in';
    if (verdict === 'let in') expect({ identity, seen }).toEqual({ identity, seen: 'let in' });
    else {
      expect({ identity, status: answer.status }).toEqual({ identity, status: verdict.status });
      expect(message).toContain(verdict.message);
    }
    cases += 1;
  }
});

test('there is a row for each route of the router, and a route for each row', async () => {
  const known = ACCESS_ROWS.map(({ route }) => route).toSorted();
  expect(await routesOfRouter()).toEqual(known);
  expect(cases).toBe(known.length * IDENTITIES.length);
  process.stdout.write(`routes x identities: ${known.length} x ${IDENTITIES.length} = ${cases} cases\n`);
});

/** Asked of the router, not of the document: what is hidden there counts as well. */
async function routesOfRouter(): Promise<readonly string[]> {
  await using other = await anApi();
  return await other.routes();
}

test(`a bypassed server lets everybody in as the administrator, whose token nobody has`, async () => {
  await using open = await anApi();
  expect(await open.call('GET /api/system')).toMatchObject({ status: 200 });
  expect(await open.call(`GET ${PIPELINE}`)).toMatchObject({ status: 404 });
  expect(await open.call('GET /api/tokens/whoami')).toMatchObject({ status: 404 });
});

test('the version is asked for after the identity, on open routes as well', async () => {
  const without = { 'gofer-api-version': '' };
  const nobody = await api.call('GET /api/namespaces', undefined, without);
  expect(nobody.body).toMatchObject({ message: expect.stringContaining('authorization') as string });
  for (const [route, headers] of [
    ['GET /api/namespaces', bearer(admin)],
    ['GET /api/system/metadata', {}],
  ] as const) {
    const answer = await api.call(route, undefined, { ...without, ...headers });
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.body).toMatchObject({ message: expect.stringContaining('gofer-api-version') as string });
  }
});
