import { expect, test } from 'vitest';
import type { Event } from '../../../sdk/client/types.ts';
import { keys } from '../../../store/keys.ts';
import { eventually } from '../../eventually.ts';
import { aListeningApi, anEvent, emit, listen } from './streams-world.ts';
import type { StreamWorld } from './streams-world.ts';

const nameOf = (event: Event) => String(event.kind['created_namespace']?.['namespace_id']);

async function namesOf(events: AsyncIterable<Event>, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const names: string[] = [];
  for await (const event of events) {
    names.push(nameOf(event));
    if (names.length === count) break;
  }
  return names;
}

const segmentsOf = (names: string, at = 1_000) =>
  names.split(' ').map((group) => [...group].map((name) => anEvent(name, at)));

async function aLog(names: string): Promise<StreamWorld> {
  const api = await aListeningApi();
  await emit(api.state, ...segmentsOf(names));
  return api;
}

test('history: everything that is stored, in order, then what comes', async () => {
  await using api = await aLog('a bc d');
  const names = namesOf(api.client.streamEvents({ history: true }), 6);
  await emit(api.state, ...segmentsOf('e f'));
  expect(await names).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('history: while events are emitted all the time, each arrives exactly once', async () => {
  await using api = await aListeningApi();
  const names = Array.from({ length: 400 }, (_, index) => `n${index}`);
  const writing = (async () => {
    for (const name of names) await emit(api.state, [anEvent(name)]);
  })();
  const readers = await Promise.all(
    [1, 2, 3].map(() => namesOf(api.client.streamEvents({ history: true }), names.length)),
  );
  await writing;
  for (const seen of readers) expect(seen).toEqual(names);
});

test('without history: only what is emitted after the stream is open', async () => {
  await using api = await aLog('a b');
  const talk = listen(api, '/api/events', (socket) => socket.close());
  await eventually(() => expect(api.app.websocketServer.clients.size).toBe(1));
  await emit(api.state, ...segmentsOf('c'));
  const { messages, code } = await talk;
  expect(messages.map((text) => nameOf(JSON.parse(text) as Event))).toEqual(['c']);
  expect(code).toBe(1005);
});

test('reverse: newest first, then the end', async () => {
  await using api = await aLog('a bc d');
  expect(await listen(api, '/api/events?history=true&reverse=true')).toMatchObject({
    code: 1000,
    reason: 'out of events',
  });
  expect(await namesOf(api.client.streamEvents({ history: true, reverse: true }))).toEqual(['d', 'c', 'b', 'a']);
});

test('reverse without history is closed with 1003 and a reason', async () => {
  await using api = await aLog('a');
  expect(await listen(api, '/api/events?reverse=true')).toMatchObject({ status: 101, code: 1003, messages: [] });
});

test('after: a stream goes on behind any event, also behind one that was deleted', async () => {
  await using api = await aLog('a bcd e');
  const ids: string[] = [];
  for await (const { id } of api.client.streamEvents({ history: true, reverse: true })) ids.unshift(id);
  expect(ids).toEqual([...ids].sort());
  const [, b = '', c = ''] = ids;
  expect(await namesOf(api.client.streamEvents({ after: b }), 3)).toEqual(['c', 'd', 'e']);
  await api.client.deleteEvent({ eventId: c });
  expect(await namesOf(api.client.streamEvents({ after: c }), 2)).toEqual(['d', 'e']);
  expect(await namesOf(api.client.streamEvents({ history: true }), 4)).toEqual(['a', 'b', 'd', 'e']);
  expect(await namesOf(api.client.streamEvents({ history: true, reverse: true, after: b }))).toEqual(['e', 'd']);
});

test('pruned segments leave no gap for readers', async () => {
  await using api = await aLog('a b c d');
  await api.state.commit({
    compares: [],
    writes: [
      { op: 'delete', key: keys.event(1) },
      { op: 'delete', key: keys.event(2) },
    ],
  });
  expect(await namesOf(api.client.streamEvents({ history: true }), 2)).toEqual(['c', 'd']);
  expect(await namesOf(api.client.streamEvents({ history: true, reverse: true }))).toEqual(['d', 'c']);
});

test('filters: by kind, namespace, pipeline and run', async () => {
  await using api = await aListeningApi();
  const ofRun = (pipeline: string, run: number) => ({ namespace_id: 'default', pipeline_id: pipeline, run_id: run });
  const kinds = [
    { created_namespace: { namespace_id: 'other' } },
    { queued_run: ofRun('nightly', 1) },
    { queued_run: ofRun('hourly', 1) },
    { started_run: ofRun('nightly', 1) },
    { queued_run: ofRun('nightly', 2) },
  ];
  await emit(
    api.state,
    kinds.map((kind) => ({ emitted: 1_000, kind: kind as never })),
  );
  const seen = async (filter: object) => {
    const found: unknown[] = [];
    for await (const { kind } of api.client.streamEvents({ history: true, reverse: true, ...filter }))
      found.unshift(kind);
    return found;
  };
  expect(await seen({ kind: 'queued_run' })).toEqual([kinds[1], kinds[2], kinds[4]]);
  expect(await seen({ kind: 'queued_run,started_run', pipelineId: 'nightly', runId: 1 })).toEqual([kinds[1], kinds[3]]);
  expect(await seen({ namespaceId: 'other' })).toEqual([kinds[0]]);
});

test.each([
  ['/api/events?kind=nonsense', 1008],
  ['/api/events?after=nonsense', 1008],
])('bad filters: %s is closed with %i', async (path, code) => {
  await using api = await aListeningApi();
  expect(await listen(api, path)).toMatchObject({ code, messages: [] });
});

test.each(['/api/events?history=perhaps', '/api/events?run_id=x'])(
  'bad query: %s is refused before the upgrade',
  async (path) => {
    await using api = await aListeningApi();
    expect(await listen(api, path)).toMatchObject({ status: 400 });
  },
);

test('a stream without an upgrade is a clear 400', async () => {
  await using api = await aListeningApi();
  const answer = await api.call('GET /api/events');
  expect(answer).toMatchObject({ status: 400 });
  expect(answer.text).toContain('WebSocket');
});

test('a stream has a request id as every answer has', async () => {
  await using api = await aListeningApi();
  const { requestId } = await listen(api, '/api/events?history=true&reverse=true');
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test('without the version header the upgrade is refused', async () => {
  await using api = await aListeningApi();
  const answer = await fetch(`${api.url}/api/events`);
  expect(answer.status).toBe(400);
});

test('one event: got, deleted, and then not found', async () => {
  await using api = await aLog('ab');
  const ids: string[] = [];
  for await (const { id } of api.client.streamEvents({ history: true, reverse: true })) ids.push(id);
  const [eventId = ''] = ids;
  const { event } = await api.client.getEvent({ eventId });
  expect(event).toEqual({ id: eventId, emitted: 1_000, kind: { created_namespace: { namespace_id: 'b' } } });
  expect(await api.call(`DELETE /api/events/${eventId}`)).toMatchObject({ status: 204 });
  expect(await api.call(`GET /api/events/${eventId}`)).toMatchObject({ status: 404, body: { message: 'Not Found' } });
  expect(await api.call(`DELETE /api/events/${eventId}`)).toMatchObject({ status: 404 });
  expect(await api.call('GET /api/events/nonsense')).toMatchObject({ status: 404 });
});

test('a server that stops closes its streams with a reason', async () => {
  await using api = await aListeningApi();
  const talk = listen(api, '/api/events');
  await eventually(() => expect(api.app.websocketServer.clients.size).toBe(1));
  await api.app.close();
  expect(await talk).toMatchObject({ code: 1011, reason: 'The server is stopping: connect again.' });
});
