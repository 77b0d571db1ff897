// Reading the event log: from any place, in both directions, and on into the future without a gap and without a double. A reader keeps
// only its place; what it is slow to take is read again from the store, so no buffer can overflow.

import { keys } from '../../store/keys.ts';
import { eventPosition, makeEventId } from '../../store/model/event.ts';
import type { Event, EventPosition } from '../../store/model/event.ts';
import { invariant } from '../../store/model/errors.ts';
import { eventCounterRecord, segmentRecord } from '../../store/records/event-records.ts';
import { CompactedError } from '../../store/state/port.ts';
import type { KeyValue, StateStore } from '../../store/state/port.ts';

/** Segments in one read. */
const PAGE = 200;

/** Before the first event of all. */
export const BEGINNING: EventPosition = { segment: 0, index: 0 };

/** The place after the newest event. What is committed after this read is behind it. */
export async function endOfLog(state: StateStore): Promise<EventPosition> {
  return afterSegment(await newestSegment(state));
}

/** Everything behind `start` that is stored, then what comes, until the signal aborts. */
export async function* eventsFrom(state: StateStore, start: EventPosition, signal: AbortSignal): AsyncGenerator<Event> {
  let place = start;
  for (;;) {
    const range = { start: keys.event(place.segment), end: keys.events().end };
    const page = await state.range(range, { limit: PAGE });
    for (const kv of page.kvs) {
      yield* eventsOf(kv, place);
      place = afterSegment(segmentOf(kv.key));
    }
    if (page.more) continue;
    try {
      for await (const kv of newSegments(state, { fromRevision: page.revision + 1, place, signal })) {
        yield* eventsOf(kv, place);
        place = afterSegment(segmentOf(kv.key));
      }
      return;
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
    }
  }
}

/** Everything that is stored, newest first, down to the event behind `until`. */
export async function* eventsBackwards(state: StateStore, until: EventPosition): AsyncGenerator<Event> {
  const [oldest] = (await state.range(keys.events(), { limit: 1, keysOnly: true })).kvs;
  const first = Math.max(until.segment, oldest === undefined ? Number.MAX_SAFE_INTEGER : segmentOf(oldest.key));
  for (let last = await newestSegment(state); last >= first; last -= PAGE) {
    const span = { first: Math.max(first, last - PAGE + 1), last };
    const { kvs } = await state.range(keys.eventSpan(span));
    for (const kv of kvs.toReversed()) yield* [...eventsOf(kv, until)].reverse();
  }
}

/** Null when there is none, or when it was deleted. */
export async function findEvent(state: StateStore, id: string): Promise<{ event: Event; kv: KeyValue } | null> {
  const position = eventPosition(id);
  const kv = position === null ? null : await state.get(keys.event(position.segment));
  if (position === null || kv === null) return null;
  const stored = segmentRecord.decode(kv.value).events[position.index] ?? null;
  if (stored === null || makeEventId(stored.emitted, position) !== id) return null;
  return { event: { id: makeEventId(stored.emitted, position), ...stored }, kv };
}

interface NewSegments {
  readonly fromRevision: number;
  readonly place: EventPosition;
  readonly signal: AbortSignal;
}

async function* newSegments(state: StateStore, { fromRevision, place, signal }: NewSegments): AsyncGenerator<KeyValue> {
  for await (const { events } of await state.watch(keys.events(), { fromRevision, signal })) {
    for (const event of events) {
      // A segment is also written when an event of it is deleted: that is nothing new.
      if (event.type === 'put' && event.kv.version === 1 && segmentOf(event.kv.key) >= place.segment) yield event.kv;
    }
  }
}

function* eventsOf(kv: KeyValue, place: EventPosition): Generator<Event> {
  const segment = segmentOf(kv.key);
  const first = segment === place.segment ? place.index : 0;
  const { events } = segmentRecord.decode(kv.value);
  for (let index = first; index < events.length; index += 1) {
    const event = events[index] ?? null;
    if (event !== null) yield { id: makeEventId(event.emitted, { segment, index }), ...event };
  }
}

async function newestSegment(state: StateStore): Promise<number> {
  const counter = await state.get(keys.eventCounter());
  return counter === null ? 0 : eventCounterRecord.decode(counter.value).last;
}

function afterSegment(segment: number): EventPosition {
  return { segment: segment + 1, index: 0 };
}

function segmentOf(key: string): number {
  const segment = Number(key.slice(key.lastIndexOf('/') + 1));
  invariant('EVENT-1', Number.isSafeInteger(segment), `an event's key ends with its segment: ${key}`);
  return segment;
}
