// The cluster as the API shows it, and orders as records. Nodes are records here: what they make of an order is tested elsewhere.

import { expect, test } from 'vitest';
import type { ApiDeps } from '../../../api/operations/deps.ts';
import { keys } from '../../../store/keys.ts';
import type { Member } from '../../../store/model/cluster.ts';
import {
  drainRecord,
  formatRecord,
  leaderRecord,
  memberRecord,
  transferRecord,
} from '../../../store/records/cluster-records.ts';
import type { StoreHealth } from '../../../store/state/health.ts';
import { NOON } from '../worlds.ts';
import { anApi } from './api-world.ts';
import type { ApiWorld } from './api-world.ts';

async function put(api: ApiWorld, key: string, value: string): Promise<void> {
  await api.state.commit({ compares: [], writes: [{ op: 'put', key, value }] });
}

function aMember(name: string, changed: Partial<Member> = {}): Member {
  return {
    ...{ name, nodeId: `id-${name}`, machine: 'm', pid: 1, version: '1.0.0', formats: { min: 1, max: 2 } },
    ...{ apiUrl: `http://${name}`, peerAddress: `${name}:1`, started: NOON, standsBack: null },
    engine: { kind: 'process', identity: 'p', where: 'here' },
    health: { at: NOON, storeMs: 2, lagMs: null, clockOffsetMs: -3, problems: [] },
    ...changed,
  };
}

/** Members with these names; the first one leads, when there is any. */
async function aCluster(api: ApiWorld, members: readonly Member[], leader: string | null): Promise<void> {
  for (const member of members) await put(api, keys.member(member.name), memberRecord.encode(member));
  if (leader === null) return;
  const claim = { name: leader, nodeId: `id-${leader}`, nonce: 'n', lease: '1' };
  await put(api, keys.leader(), leaderRecord.encode(claim));
}

async function termOf(api: ApiWorld): Promise<number> {
  return (await api.state.get(keys.leader()))?.createRevision ?? 0;
}

test('status: an API without a node has nobody to tell of', async () => {
  await using api = await anApi();
  expect((await api.call('GET /api/cluster')).body).toMatchObject({
    ...{ leader: null, members: [], drains: [], transfer: null, record_format: 1 },
    served_by: { name: null, ready: true, reasons: [], store: null },
  });
});

test('status: members, leader, orders and form come from the records; the node adds what it knows of itself', async () => {
  const health: StoreHealth = {
    status: 'degraded',
    problems: [{ code: 'slow', message: 'Writes are slow.', endpoint: '' }],
    members: [],
    writeMs: 12.5,
    revision: 9,
  };
  const node: ApiDeps['node'] = {
    name: 'b',
    readiness: () => ({ ready: false, reasons: ['late'] }),
    storeHealth: () => health,
  };
  await using api = await anApi({ node });
  await aCluster(api, [aMember('a'), aMember('b', { standsBack: 'another engine' })], 'a');
  await put(api, keys.format(), formatRecord.encode({ active: 2 }));
  await put(api, keys.drain('gone/away'), drainRecord.encode({ since: NOON, by: 'op' }));
  const term = await termOf(api);
  await put(api, keys.transfer(), transferRecord.encode({ term, to: 'b', askedAt: NOON }));
  expect((await api.call('GET /api/cluster')).body).toMatchObject({
    leader: { name: 'a', node_id: 'id-a', term },
    members: [
      { name: 'a', leader: true, stands_back: null, record_formats: { min: 1, max: 2 }, api_url: 'http://a' },
      { name: 'b', leader: false, stands_back: 'another engine', health: { store_ms: 2, clock_offset_ms: -3 } },
    ],
    drains: [{ node: 'gone/away', since: NOON, by: 'op', state: 'absent' }],
    transfer: { term, to: 'b', asked: NOON },
    record_format: 2,
    served_by: {
      ...{ name: 'b', ready: false, reasons: ['late'] },
      store: { status: 'degraded', write_ms: 12.5, revision: 9, problems: [{ code: 'slow' }] },
    },
  });
});

test('status: an order to hand over of an earlier term is over', async () => {
  await using api = await anApi();
  await aCluster(api, [aMember('a')], 'a');
  await put(api, keys.transfer(), transferRecord.encode({ term: 1, to: null, askedAt: NOON }));
  expect((await api.call('GET /api/cluster')).body).toMatchObject({ transfer: null });
});

test('transfer: the order names the term that is to end', async () => {
  await using api = await anApi();
  await aCluster(api, [aMember('a'), aMember('b')], 'a');
  const term = await termOf(api);
  const answer = await api.call('POST /api/cluster/transfer', { to: 'b' });
  expect(answer).toMatchObject({ status: 202, body: { term, from: 'a', to: 'b' } });
  const order = await api.state.get(keys.transfer());
  expect(transferRecord.decode(order?.value ?? '')).toEqual({ term, to: 'b', askedAt: NOON });
});

test.each([
  { to: null, members: [aMember('a')], leader: 'a', status: 409, text: 'a is the only candidate' },
  {
    to: null,
    members: [aMember('a'), aMember('b', { standsBack: 'x' })],
    leader: 'a',
    status: 409,
    text: 'only candidate',
  },
  { to: 'a', members: [aMember('a'), aMember('b')], leader: 'a', status: 409, text: 'a leads already' },
  {
    to: 'b',
    members: [aMember('a'), aMember('b', { standsBack: 'Why.' })],
    leader: 'a',
    status: 409,
    text: 'b cannot lead: Why.',
  },
  { to: 'c', members: [aMember('a'), aMember('b')], leader: 'a', status: 400, text: 'there are: a, b' },
  { to: 'b', members: [aMember('a'), aMember('b')], leader: null, status: 503, text: 'No node leads at the moment' },
])('transfer to $to is refused: $text', async ({ to, members, leader, status, text }) => {
  await using api = await anApi();
  await aCluster(api, members, leader);
  const answer = await api.call('POST /api/cluster/transfer', { to });
  expect(answer).toMatchObject({ status, body: { message: expect.stringContaining(text) as string } });
  expect(await api.state.get(keys.transfer())).toBeNull();
});

test('transfer: a node that is drained is no candidate', async () => {
  await using api = await anApi();
  await aCluster(api, [aMember('a'), aMember('b')], 'a');
  await api.call('POST /api/cluster/drain/b');
  expect(await api.call('POST /api/cluster/transfer', {})).toMatchObject({ status: 409 });
  const named = await api.call('POST /api/cluster/transfer', { to: 'b' });
  expect(named.body).toMatchObject({ message: 'b cannot lead: it is being drained.' });
});

test('drain: done once the node has written its record after the order and does not lead', async () => {
  await using api = await anApi();
  const [a, b] = [aMember('a'), aMember('b')];
  await aCluster(api, [a, b], 'b');
  const state = async () => {
    const { drains } = (await api.call('GET /api/cluster')).body as { drains: { node: string; state: string }[] };
    return drains.map((order) => `${order.node} ${order.state}`);
  };
  expect(await api.call('POST /api/cluster/drain/b')).toMatchObject({ status: 202, body: { node: 'b', since: NOON } });
  expect(await state()).toEqual(['b draining']);
  await put(api, keys.member('b'), memberRecord.encode(b));
  expect(await state()).toEqual(['b draining']);
  await api.state.commit({ compares: [], writes: [{ op: 'delete', key: keys.leader() }] });
  expect(await state()).toEqual(['b drained']);
  expect(await api.call('POST /api/cluster/drain/b')).toMatchObject({ status: 202 });
  expect(await api.call('DELETE /api/cluster/drain/b')).toMatchObject({ status: 204 });
  expect(await state()).toEqual([]);
  expect(await api.call('DELETE /api/cluster/drain/b')).toMatchObject({ status: 400 });
});

test('drain: one node is left to serve', async () => {
  await using api = await anApi();
  await aCluster(api, [aMember('a'), aMember('b')], 'a');
  expect((await api.call('POST /api/cluster/drain/a')).status).toBe(202);
  expect(await api.call('POST /api/cluster/drain/b')).toMatchObject({ status: 409 });
  expect(await api.call('POST /api/cluster/drain/c')).toMatchObject({ status: 400 });
});

test('/livez and /readyz ask for no header; /readyz is 503 with the reasons', async () => {
  let reasons: readonly string[] = [];
  const readiness = () => ({ ready: reasons.length === 0, reasons });
  await using api = await anApi({ node: { name: null, readiness, storeHealth: () => null } });
  const get = async (url: string) => {
    const { statusCode, payload } = await api.app.inject({ method: 'GET', url });
    return { status: statusCode, body: JSON.parse(payload) as unknown };
  };
  expect(await get('/livez')).toEqual({ status: 200, body: { status: 'ok' } });
  expect(await get('/readyz')).toEqual({ status: 200, body: { ready: true, reasons: [] } });
  reasons = ['The node is stopping.'];
  expect(await get('/readyz')).toEqual({ status: 503, body: { ready: false, reasons } });
  expect((await get('/livez')).status).toBe(200);
});

test('503 says when to try again', async () => {
  await using api = await anApi();
  const answer = await api.call('POST /api/cluster/transfer', {});
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
});
