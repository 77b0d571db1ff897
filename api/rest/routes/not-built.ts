// Routes of the contract that this version does not have yet: an honest answer instead of a path that seems unknown.

import { NOT_BUILT } from '../../operations/not-built.ts';
import type { Rest, RestApp } from '../app.ts';

export function notBuiltRoutes(app: RestApp, { authenticate }: Rest): void {
  for (const { method, url, operationId, needs } of NOT_BUILT) {
    app.route({
      method,
      url,
      schema: { hide: true },
      handler: async (request, reply) => {
        await authenticate(request, needs);
        const message = `Not Implemented: ${operationId} is not part of this version.`;
        return reply.code(501).send({ request_id: request.id, message });
      },
    });
  }
}
