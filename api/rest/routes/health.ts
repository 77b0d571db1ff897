// What load balancers and supervisors ask: is the process alive, and may requests be sent to it? Neither asks for a token or a version
// header, and neither waits for anything.

import type { Rest, RestApp } from '../app.ts';
import { ref } from '../schemas/common.ts';
import * as schemas from '../schemas/cluster.ts';

const TAGS = ['System'];

export function healthRoutes(app: RestApp, { operations: { cluster } }: Rest): void {
  app.get(
    '/livez',
    {
      schema: {
        operationId: 'get_liveness',
        summary: 'Whether the process is alive; no token is asked for.',
        tags: TAGS,
        security: [],
        response: { 200: ref(schemas.LivenessResponse) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'get_readiness',
        summary: 'Whether a load balancer may send requests to this node; no token is asked for.',
        tags: TAGS,
        security: [],
        response: { 200: ref(schemas.ReadinessResponse), 503: ref(schemas.ReadinessResponse) },
      },
    },
    async (_request, reply) => {
      const readiness = cluster.readiness();
      return reply.code(readiness.ready ? 200 : 503).send({ ready: readiness.ready, reasons: [...readiness.reasons] });
    },
  );
}
