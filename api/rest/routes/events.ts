// Routes of events.

import type { RestApp, Rest } from '../app.ts';
import type { Faults } from '../error-answers.ts';
import { STREAM_OUT } from '../openapi.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import * as schemas from '../schemas/events.ts';
import { CLOSE, OUT_OF_EVENTS, createGate } from '../streams.ts';
import type { StreamEnd } from '../streams.ts';

const TAGS = ['Events'];
const ALL = '/api/events';
const ONE = `${ALL}/:event_id`;

const NO_FUTURE_BACKWARDS: StreamEnd = {
  code: CLOSE.unsupported,
  reason: 'reverse=true wants history=true: what has not happened yet has no order.',
};

export function eventRoutes(app: RestApp, rest: Rest): void {
  const { operations, call } = rest;
  app.get(
    ONE,
    {
      schema: {
        operationId: 'get_event',
        summary: 'Get an event by its id.',
        tags: TAGS,
        params: schemas.EventParams,
        response: answers({ 200: ref(schemas.GetEventResponse) }),
      },
    },
    async (request) => ({
      event: await call(operations.events.getEvent, request, { eventId: request.params.event_id }),
    }),
  );

  app.delete(
    ONE,
    {
      schema: {
        operationId: 'delete_event',
        summary: 'Delete an event.',
        tags: TAGS,
        params: schemas.EventParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(operations.events.deleteEvent, request, { eventId: request.params.event_id });
      return reply.code(204).send(null);
    },
  );
}

export function eventStream(app: RestApp, rest: Rest, faults: Faults): void {
  const { streamEvents } = rest.operations.events;
  const { serve, ...gate } = createGate(rest, faults, streamEvents.needs);
  app.route({
    method: 'GET',
    url: ALL,
    schema: {
      ...STREAM_OUT,
      operationId: 'stream_events',
      summary: 'Stream events, as WebSocket messages.',
      tags: TAGS,
      querystring: schemas.StreamEventsQuery,
    },
    ...gate,
    wsHandler: (socket, request) =>
      serve(socket, request, async ({ signal, send }) => {
        const { namespace_id: namespaceId, pipeline_id: pipelineId, run_id: runId, ...query } = request.query;
        if (query.reverse === true && query.history !== true) return NO_FUTURE_BACKWARDS;
        const events = await streamEvents.run({ ...query, namespaceId, pipelineId, runId, signal });
        for await (const { id, kind, emitted } of events) {
          if (signal.aborted) break;
          await send(JSON.stringify({ id, kind, emitted }));
        }
        return OUT_OF_EVENTS;
      }),
  });
}
