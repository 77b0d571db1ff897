// Events as one stream, whatever becomes of its connections: after a break it goes on behind the last event, by its id. A stream of what
// comes from now on first asks where "now" is, since after a break nobody could tell any more.

import { parseAnswer } from './parse-answers.ts';
import { createPatience } from './patience.ts';
import { openSocket } from './sockets.ts';
import type { EventOptions } from './stream-options.ts';
import type { Transport } from './transport.ts';
import type { Event } from './types.ts';

interface Place {
  /** Null = nobody has said yet where "now" is. */
  start: EventOptions | null;
  last: string | null;
}

/** Ends without an error when its signal aborts. */
export async function* resumedEvents(transport: Transport, options: EventOptions): AsyncGenerator<Event> {
  const { signal } = options;
  const patience = createPatience({ signal, now: () => performance.now() });
  const place: Place = { start: null, last: null };
  const begin = async () => open(transport, (place.start ??= await startOf(transport, options)));
  for (let hasOpened = false; ;) {
    const openedAt = performance.now();
    try {
      // Where nobody answers at all is told before anything is waited for.
      const events = await (hasOpened ? begin() : transport.retried(begin));
      hasOpened = true;
      for await (const event of behind(place, events, options)) {
        patience.renew();
        yield event;
      }
      return;
    } catch (error) {
      if (signal?.aborted === true) return;
      if (!hasOpened) throw error;
      transport.turn();
      await patience.bear(error, performance.now() - openedAt);
    }
  }
}

/** A reversed stream begins anew and is skipped to its place, which ids tell, as they grow with time; others begin at their place. */
async function* behind(place: Place, events: AsyncIterable<Event>, options: EventOptions): AsyncGenerator<Event> {
  for await (const event of events) {
    if (options.reverse === true && place.last !== null && event.id >= place.last) continue;
    place.last = event.id;
    if (options.reverse !== true) place.start = { ...options, after: event.id };
    yield event;
  }
}

/** The same stream with a beginning that stays where it is. */
async function startOf(transport: Transport, options: EventOptions): Promise<EventOptions> {
  const { signal, history, reverse, after } = options;
  if (history === true || reverse === true || after !== undefined) return options;
  const newest = { history: true, reverse: true, ...(signal === undefined ? {} : { signal }) };
  for await (const { id } of await open(transport, newest)) return { ...options, after: id };
  return { ...options, history: true };
}

async function open(transport: Transport, options: EventOptions): Promise<AsyncIterable<Event>> {
  const { history, reverse, after, kind, namespaceId, pipelineId, runId, signal } = options;
  const query = { history, reverse, after, kind, namespace_id: namespaceId, pipeline_id: pipelineId, run_id: runId };
  const socket = await openSocket(transport, { path: '/api/events', query, signal });
  return parsed(socket.messages);
}

async function* parsed(messages: AsyncIterable<Buffer>): AsyncGenerator<Event> {
  for await (const message of messages) yield parseAnswer<Event>(message.toString());
}
