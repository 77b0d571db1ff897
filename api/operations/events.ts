// Events: one of them, the stream of all, and deletion (spec 8).

import { EVENT_KINDS, eventPosition } from '../../store/model/event.ts';
import type { Event, EventPosition } from '../../store/model/event.ts';
import { AppError } from '../../store/model/errors.ts';
import { segmentRecord } from '../../store/records/event-records.ts';
import type { ApiDeps } from './deps.ts';
import { BEGINNING, endOfLog, eventsBackwards, eventsFrom, findEvent } from './event-log.ts';
import type { Operation } from './operation.ts';
import { notFound } from './parse-place.ts';
import { retried } from './store-pages.ts';

export interface EventQuery {
  /** What is stored first; else only what comes. */
  readonly history?: boolean | null | undefined;
  /** Newest first, then the end. Wants `history`. */
  readonly reverse?: boolean | null | undefined;
  /** Only what came after the event with this id, which need not exist any more. */
  readonly after?: string | undefined;
  /** Names of kinds, separated by commas. */
  readonly kind?: string | undefined;
  readonly namespaceId?: string | undefined;
  readonly pipelineId?: string | undefined;
  readonly runId?: number | undefined;
}

interface StreamQuery extends EventQuery {
  /** Aborts when nobody listens any more. */
  readonly signal: AbortSignal;
}

export function createEventOperations({ state }: ApiDeps) {
  return {
    getEvent: {
      operationId: 'get_event',
      needs: { resources: ['events'], action: 'read' },
      run: async ({ eventId }) => {
        const found = await findEvent(state, eventId);
        if (found === null) throw notFound();
        return found.event;
      },
    } satisfies Operation<{ readonly eventId: string }, Event>,

    /** What is emitted after this resolves is in the stream. */
    streamEvents: {
      operationId: 'stream_events',
      needs: { resources: ['events'], action: 'read' },
      run: async (query) => {
        const wanted = filterOf(query);
        const after = query.after === undefined ? null : placeAfter(query.after);
        const { reverse, signal } = query;
        if (reverse === true) return filtered(eventsBackwards(state, after ?? BEGINNING), wanted);
        const start = after ?? (query.history === true ? BEGINNING : await endOfLog(state));
        return filtered(eventsFrom(state, start, signal), wanted);
      },
    } satisfies Operation<StreamQuery, AsyncIterable<Event>>,

    deleteEvent: {
      operationId: 'delete_event',
      needs: { resources: ['events'], action: 'delete', adminOnly: true },
      run: async ({ eventId }) => {
        await retried(async () => {
          const found = await findEvent(state, eventId);
          if (found === null) throw notFound();
          const { kv } = found;
          const index = eventPosition(eventId)?.index;
          const events = segmentRecord.decode(kv.value).events.map((event, at) => (at === index ? null : event));
          const { succeeded } = await state.commit({
            compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
            writes: [{ op: 'put', key: kv.key, value: segmentRecord.encode({ events }) }],
          });
          return succeeded ? true : null;
        });
      },
    } satisfies Operation<{ readonly eventId: string }, void>,
  };
}

function placeAfter(id: string): EventPosition {
  const position = eventPosition(id);
  if (position === null) throw new AppError('invalid', 'after: expected the id of an event.');
  return { segment: position.segment, index: position.index + 1 };
}

type Wanted = (event: Event) => boolean;

const KIND_NAMES: ReadonlySet<string> = new Set(EVENT_KINDS);

function filterOf({ kind, namespaceId, pipelineId, runId }: EventQuery): Wanted {
  const names = kind === undefined ? null : kindNames(kind);
  return (event) => {
    const { name, facts } = factsOf(event);
    if (names !== null && !names.has(name)) return false;
    if (namespaceId !== undefined && facts.namespace_id !== namespaceId) return false;
    if (pipelineId !== undefined && facts.pipeline_id !== pipelineId) return false;
    return runId === undefined || facts.run_id === runId;
  };
}

function kindNames(text: string): ReadonlySet<string> {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !KIND_NAMES.has(name));
  if (unknown === undefined) return new Set(names);
  throw new AppError('invalid', `kind: "${unknown}" is none of ${EVENT_KINDS.join(', ')}.`);
}

interface Facts {
  readonly role_id?: string;
  readonly namespace_id?: string;
  readonly pipeline_id?: string;
  readonly run_id?: number;
}

function factsOf({ kind }: Event): { readonly name: string; readonly facts: Facts } {
  for (const [name, facts] of Object.entries<Facts>({ ...kind })) return { name, facts };
  return { name: '', facts: {} };
}

async function* filtered(events: AsyncIterable<Event>, wanted: Wanted): AsyncGenerator<Event> {
  for await (const event of events) if (wanted(event)) yield event;
}
