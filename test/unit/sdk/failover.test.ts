// What becomes of calls and streams when the node behind a balancer dies that serves them.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../../sdk/client/client.ts';
import type { Client } from '../../../sdk/client/client.ts';
import type { Event } from '../../../sdk/client/types.ts';
import { childScript } from '../../child-script.ts';
import type { ChildScript, RunningScript } from '../../child-script.ts';
import { eventually } from '../../eventually.ts';
import { aRunningTask, aListeningApi, anEvent, emit, putTask } from '../api/streams-world.ts';
import type { StreamWorld } from '../api/streams-world.ts';
import { deployed, startedRun } from '../api/api-world.ts';
import type { WorldOptions } from '../api/api-world.ts';
import { aBalancer } from './small-balancer.ts';

let script: ChildScript;
beforeAll(async () => {
  script = await childScript('unit/sdk/stub-node.ts');
});
afterAll(() => script[Symbol.asyncDispose]());

const OF = { namespaceId: 'default', pipelineId: 'hello' };
const CALLERS = 8;

test('kill -9 of one of two servers behind a balancer: no idempotent call fails', async () => {
  const servers = [script.start(), script.start()];
  const [first = 0, second = 0] = await Promise.all(servers.map(portOf));
  await using balancer = await aBalancer(first, second);
  const client = createClient({ baseUrl: balancer.url, token: '' });
  const tally = { good: 0, failed: [] as unknown[], stop: false };
  const callers = Array.from({ length: CALLERS }, (_, index) => callOnAndOn(client, index, tally));
  await eventually(() => expect(tally.good).toBeGreaterThan(100));
  await servers[0]?.kill();
  const before = tally.good;
  await eventually(() => expect(tally.good).toBeGreaterThan(before + 300));
  tally.stop = true;
  await Promise.all(callers);
  await servers[1]?.kill();
  expect(tally.failed).toEqual([]);
});

async function portOf({ lines }: RunningScript): Promise<number> {
  for await (const line of lines) return Number(line);
  return 0;
}

async function callOnAndOn(client: Client, index: number, tally: { good: number; failed: unknown[]; stop: boolean }) {
  const calls = [
    () => client.getRun({ ...OF, runId: 7 }),
    () => client.startRun({ ...OF, variables: {} }),
    () => client.listRuns(OF),
    () => client.cancelRun({ ...OF, runId: 7 }),
  ];
  for (let turn = index; !tally.stop; turn += 1) {
    try {
      await calls[turn % calls.length]?.();
      tally.good += 1;
    } catch (error) {
      tally.failed.push(error);
    }
  }
}

/** Two nodes on one store, and a client that reaches them through a balancer. */
async function aPair(options: WorldOptions = {}) {
  const first = await aListeningApi(options);
  const second = await aListeningApi({ ...options, state: first.state });
  let streams = 0;
  for (const { app } of [first, second]) app.websocketServer.on('connection', () => (streams += 1));
  const [one = 0, two = 0] = [first, second].map(({ url }) => Number(new URL(url).port));
  const balancer = await aBalancer(one, two);
  let dead = two;
  return {
    first,
    state: first.state,
    /** How many were opened so far. */
    streams: () => streams,
    client: createClient({ baseUrl: balancer.url, token: '' }),
    /** The node that served until now dies, the other one is back. */
    fail() {
      balancer.restore(dead);
      dead = dead === one ? two : one;
      balancer.drop(dead);
    },
    serveOnlyFirst: () => balancer.drop(two),
    async [Symbol.asyncDispose]() {
      await balancer[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  };
}

const nameOf = ({ kind }: { readonly kind: object }) =>
  (kind as { created_namespace: { namespace_id: string } }).created_namespace.namespace_id;

test.each([
  ['with history', { history: true }],
  ['from now on', {}],
])('events go on through the other node, each exactly once: %s', async (_, options) => {
  await using pair = await aPair();
  pair.serveOnlyFirst();
  await emit(pair.state, [anEvent('old')]);
  const leaving = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of pair.client.streamEvents({ ...options, signal: leaving.signal }))
      seen.push(nameOf(event));
  })();
  const wanted = 'history' in options ? ['old'] : [];
  // The stream is open once an event arrives; until then they are emitted.
  await eventually(async () => {
    await emit(pair.state, [anEvent(`early-${wanted.length}`)]);
    wanted.push(`early-${wanted.length}`);
    expect(seen.length).toBeGreaterThan(0);
  });
  for (let death = 0; death < 4; death += 1) {
    await emit(pair.state, [anEvent(`before-${death}`)]);
    pair.fail();
    await emit(pair.state, [anEvent(`after-${death}`)]);
    await eventually(() => expect(seen.at(-1)).toBe(`after-${death}`));
  }
  leaving.abort();
  await reading;
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.filter((name) => !name.startsWith('early'))).toEqual(
    [
      'history' in options ? ['old'] : [],
      [0, 1, 2, 3].flatMap((death) => [`before-${death}`, `after-${death}`]),
    ].flat(),
  );
});

test('a stream of what comes loses nothing though its node dies before the first event', async () => {
  await using pair = await aPair();
  pair.serveOnlyFirst();
  await emit(pair.state, [anEvent('old')]);
  const reader = pair.client.streamEvents()[Symbol.asyncIterator]();
  const first = reader.next();
  // The first connection asks for the newest event, the second one is the stream.
  await eventually(() => expect(pair.streams()).toBe(2));
  pair.fail();
  await emit(pair.state, [anEvent('new')]);
  expect(nameOf((await first).value as Event)).toBe('new');
  await reader.return?.(undefined);
});

const TEXT = Array.from({ length: 200 }, (_, line) => `line ${line % 7} of it\n`);

test('a log goes on through the other node where it was', async () => {
  const deaths = [20, 90, 150];
  const live: StreamWorld['deps']['live'] = {
    exec: () => Promise.reject(new Error('not asked for')),
    async *logs(_id, { from, signal }) {
      const skip = from?.stdout ?? 0;
      let at = 0;
      for (const line of TEXT) {
        if (at >= skip) yield { stream: 'stdout', at: 1, bytes: Buffer.from(line) };
        at += line.length;
        // As a body that writes now and then, so that the reader is in the middle when a node dies.
        await new Promise((resolve) => setImmediate(resolve));
        if (signal.aborted) return;
      }
    },
  };
  await using pair = await aPair({ live });
  pair.serveOnlyFirst();
  await deployed(pair.first);
  await startedRun(pair.first);
  await putTask(pair.state, aRunningTask(1));
  const lines: string[] = [];
  const place = { namespaceId: 'default', pipelineId: 'nightly', runId: 1, taskId: 'build' };
  for await (const line of pair.client.getLogs(place)) {
    lines.push(line);
    if (lines.length === deaths[0]) {
      deaths.shift();
      pair.fail();
    }
    if (lines.length === TEXT.length) break;
  }
  expect(lines).toEqual(TEXT);
  expect(deaths).toEqual([]);
});
