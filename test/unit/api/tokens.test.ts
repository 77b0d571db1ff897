import { expect, test } from 'vitest';
import { keys } from '../../../store/keys.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import { eventually } from '../../eventually.ts';
import { withCommit } from '../with-commit.ts';
import { NOON } from '../worlds.ts';
import { anApi, at } from './api-world.ts';
import type { Answer, ApiWorld } from './api-world.ts';

type Call = ApiWorld['call'];

/** Calls as the bootstrap token. */
async function asAdmin(api: ApiWorld): Promise<Call> {
  const secret = String(at((await api.call('POST /api/tokens/bootstrap')).body, 'secret'));
  return as(api, secret);
}

function as(api: ApiWorld, secret: string): Call {
  return (request, body, headers) => api.call(request, body, { authorization: `Bearer ${secret}`, ...headers });
}

const NEW = { user: 'ada', roles: ['user'], expires: 0 };

function secretOf({ body }: Answer): string {
  return String(at(body, 'secret'));
}
function idOf({ body }: Answer): string {
  return String(at(body, 'token_details.id'));
}

test('bootstrap: made once, with the contract’s words; a second one is a conflict, also when the first is gone', async () => {
  await using api = await anApi({ tokens: true });
  const first = await api.call('POST /api/tokens/bootstrap');
  expect(first).toMatchObject({
    status: 201,
    body: {
      secret: expect.stringMatching(/^[A-Za-z0-9]{32}$/) as string,
      token_details: {
        user: 'bootstrap',
        roles: ['bootstrap'],
        metadata: { bootstrap_token: 'true' },
        expires: 0,
        disabled: false,
        created: NOON,
      },
    },
  });
  expect(await api.call('POST /api/tokens/bootstrap')).toMatchObject({ status: 409 });
  const admin = as(api, secretOf(first));
  expect(at((await admin('GET /api/system')).body, 'bootstrap_token_created')).toBe(true);
  expect(await admin(`DELETE /api/tokens/${idOf(first)}`)).toMatchObject({ status: 204 });
  expect(await admin('GET /api/tokens')).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
  expect(await api.call('POST /api/tokens/bootstrap')).toMatchObject({ status: 409 });
});

test('bootstrap: of many nodes that are asked at the same time, one makes it', async () => {
  const state = createMemoryStore();
  await using one = await anApi({ state, tokens: true });
  await using other = await anApi({ state, tokens: true });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : other).call('POST /api/tokens/bootstrap')),
  );
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array<number>(19).fill(409)]);
});

test('a token: created, shown, listed, asked for itself, disabled, enabled, deleted', async () => {
  await using api = await anApi({ tokens: true });
  const admin = await asAdmin(api);
  const created = await admin('POST /api/tokens', { ...NEW, metadata: { team: 'a' }, expires: 60 });
  const details = { user: 'ada', roles: ['user'], metadata: { team: 'a' }, created: NOON, expires: NOON + 60_000 };
  expect(created).toMatchObject({ status: 201, body: { token_details: details } });
  const id = idOf(created);
  const ada = as(api, secretOf(created));
  expect(await admin(`GET /api/tokens/${id}`)).toMatchObject({ status: 200, body: { token: details } });
  expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 200, body: { token: { id, ...details } } });
  const listed = at((await admin('GET /api/tokens')).body, 'tokens');
  expect(listed).toMatchObject([{ user: 'bootstrap' }, { id }]);

  expect(await admin(`PATCH /api/tokens/${id}`, { disabled: true })).toMatchObject({ status: 204 });
  expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 401, body: { message: 'Token disabled' } });
  expect(await admin(`PATCH /api/tokens/${id}`, { disabled: false })).toMatchObject({ status: 204 });
  expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 200 });
  expect(await admin(`DELETE /api/tokens/${id}`)).toMatchObject({ status: 204 });
  expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
  expect(await admin(`GET /api/tokens/${id}`)).toMatchObject({ status: 404, body: { message: 'Not Found' } });
});

test('a secret is kept nowhere: neither in the store nor in what the server logs', async () => {
  await using api = await anApi({ tokens: true });
  const secret = secretOf(await api.call('POST /api/tokens/bootstrap'));
  await as(api, secret)('GET /api/namespaces/absent');
  const { kvs } = await api.state.range({ start: '\0', end: '\u{10ffff}' });
  expect(JSON.stringify(kvs)).not.toContain(secret);
  expect(JSON.stringify(api.logged)).not.toContain(secret);
});

test('an answer never has the hash', async () => {
  await using api = await anApi({ tokens: true });
  const admin = await asAdmin(api);
  expect((await admin('GET /api/tokens')).text).not.toMatch(/[0-9a-f]{64}/);
});

test('a token expires by itself, to the millisecond', async () => {
  let now = NOON;
  await using api = await anApi({ tokens: true, now: () => now });
  const admin = await asAdmin(api);
  const ada = as(api, secretOf(await admin('POST /api/tokens', { ...NEW, expires: 60 })));
  now = NOON + 60_000;
  expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 200 });
  now += 1;
  expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 401, body: { message: 'Token expired' } });
});

test('on two nodes: a new token works on the other one at once; a disabled one is refused there soon', async () => {
  const state = createMemoryStore();
  await using one = await anApi({ state, tokens: true });
  await using other = await anApi({ state, tokens: true });
  const admin = await asAdmin(one);
  const created = await admin('POST /api/tokens', NEW);
  const ada = as(other, secretOf(created));
  expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 200 });
  await admin(`PATCH /api/tokens/${idOf(created)}`, { disabled: true });
  await eventually(async () => expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 401 }));
});

test('a role that changes changes what its tokens may, at once here and soon on other nodes', async () => {
  const state = createMemoryStore();
  await using one = await anApi({ state, tokens: true });
  await using other = await anApi({ state, tokens: true });
  const admin = await asAdmin(one);
  const permissions = [{ resources: ['events'], actions: ['read'] }];
  await admin('POST /api/roles', { id: 'watcher', description: '', permissions });
  const secret = secretOf(await admin('POST /api/tokens', { ...NEW, roles: ['watcher'] }));
  const here = as(one, secret);
  const there = as(other, secret);
  for (const call of [here, there]) expect(await call('GET /api/events/absent')).toMatchObject({ status: 404 });
  await admin('PATCH /api/roles/watcher', { permissions: [] });
  expect(await here('GET /api/events/absent')).toMatchObject({ status: 401 });
  await eventually(async () => expect(await there('GET /api/events/absent')).toMatchObject({ status: 401 }));
});

test('while the store says nothing, what is known is used for a bounded time only', async () => {
  const state = createMemoryStore();
  const hears = withCommit(state, (transaction) => state.commit(transaction));
  const silent = { ...hears, watch: () => new Promise<never>(() => undefined) };
  await using deaf = await anApi({ state: silent, tokens: true });
  await using other = await anApi({ state, tokens: true });
  const admin = await asAdmin(other);
  const created = await admin('POST /api/tokens', NEW);
  const ada = as(deaf, secretOf(created));
  expect(await ada('GET /api/tokens/whoami')).toMatchObject({ status: 200 });
  await admin(`DELETE /api/tokens/${idOf(created)}`);
  await eventually(async () => expect(await ada('GET /api/events/absent')).toMatchObject({ status: 401 }), 20_000);
}, 30_000);

test.each([
  ['role bootstrap', { ...NEW, roles: ['user', 'BootStrap'] }, 401, /bootstrap/],
  ['too many roles', { ...NEW, roles: Array<string>(101).fill('user') }, 400, /^roles: /],
  ['too long a user', { ...NEW, user: 'x'.repeat(1_025) }, 400, /^user: /],
  ['too long a role', { ...NEW, roles: ['x'.repeat(1_025)] }, 400, /^roles\[0\]: /],
  ['too much metadata', { ...NEW, metadata: { a: 'x'.repeat(20_000) } }, 400, /^metadata: /],
  ['an expiry past ten years', { ...NEW, expires: 315_360_001 }, 400, /^expires: /],
  ['a negative expiry', { ...NEW, expires: -1 }, 400, /expires/],
  ['an expiry beyond what numbers hold', { ...NEW, expires: 2 ** 63 }, 400, /expires/],
  ['no roles', { user: 'ada', expires: 0 }, 400, /roles/],
])('a new token with %s is refused, and nothing is kept', async (_what, body, status, message) => {
  await using api = await anApi({ tokens: true });
  const admin = await asAdmin(api);
  const answer = await admin('POST /api/tokens', body);
  expect(answer.status).toBe(status);
  expect(String(at(answer.body, 'message'))).toMatch(message);
  expect((await api.state.range(keys.tokens())).kvs).toHaveLength(1);
});

test('a token does not change its own state; nothing to change, and a token that is not there, are said', async () => {
  await using api = await anApi({ tokens: true });
  const first = await api.call('POST /api/tokens/bootstrap');
  const admin = as(api, secretOf(first));
  expect(await admin(`PATCH /api/tokens/${idOf(first)}`, { disabled: true })).toMatchObject({ status: 409 });
  expect(await admin(`PATCH /api/tokens/${idOf(first)}`, {})).toMatchObject({ status: 400 });
  for (const id of ['absent', 'x'.repeat(5_000), 'a%2Fb', '%00']) {
    expect(await admin(`GET /api/tokens/${id}`)).toMatchObject({ status: 404 });
    expect(await admin(`DELETE /api/tokens/${id}`)).toMatchObject({ status: 404 });
    expect(await admin(`PATCH /api/tokens/${id}`, { disabled: true })).toMatchObject({ status: 404 });
  }
});

test('whoever calls is the initiator of the run', async () => {
  await using api = await anApi({ tokens: true });
  const admin = await asAdmin(api);
  const created = await admin('POST /api/tokens', { ...NEW, roles: ['admin'] });
  const ada = as(api, secretOf(created));
  const pipeline = '/api/namespaces/default/pipelines/nightly';
  const config = { id: 'nightly', name: 'Nightly', parallelism: 0, tasks: [{ id: 'build', image: 'busybox' }] };
  expect(await ada(`POST ${pipeline}/configs`, { config })).toMatchObject({ status: 201 });
  expect(await ada(`POST ${pipeline}/configs/1`)).toMatchObject({ status: 201 });
  const run = await ada(`POST ${pipeline}/runs`, { variables: {} });
  expect(at(run.body, 'run.initiator')).toEqual({ id: idOf(created), user: 'ada' });
});

test('many strangers do not slow a known token down, and are not remembered', async () => {
  await using api = await anApi({ tokens: true });
  const admin = await asAdmin(api);
  for (let n = 0; n < 200; n += 1) {
    expect(await as(api, `stranger-${n}`)('GET /api/namespaces')).toMatchObject({ status: 401 });
  }
  expect(await admin('GET /api/namespaces')).toMatchObject({ status: 200 });
});
