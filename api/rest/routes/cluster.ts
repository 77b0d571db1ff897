// Routes of the cluster: its state, and an operator's orders.

import type { Rest, RestApp } from '../app.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import * as schemas from '../schemas/cluster.ts';
import { wireCluster } from '../wire/cluster.ts';

const TAGS = ['System'];

export function clusterRoutes(app: RestApp, { operations: { cluster }, call }: Rest): void {
  app.get(
    '/api/cluster',
    {
      schema: {
        operationId: cluster.getCluster.operationId,
        summary: 'Members, leader and orders of the cluster, and the state of the node that answers.',
        tags: TAGS,
        response: answers({ 200: ref(schemas.GetClusterResponse) }),
      },
    },
    async (request) => wireCluster(await call(cluster.getCluster, request, undefined)),
  );

  app.post(
    '/api/cluster/transfer',
    {
      schema: {
        operationId: cluster.transferLeadership.operationId,
        summary: 'Ask the leader to hand over, to one node or to any other; the status shows when it has.',
        tags: TAGS,
        body: ref(schemas.TransferLeadershipRequest),
        response: answers({ 202: ref(schemas.TransferLeadershipResponse) }),
      },
    },
    async (request, reply) => {
      const { to = null } = request.body;
      return reply.code(202).send(await call(cluster.transferLeadership, request, { to }));
    },
  );

  app.post(
    '/api/cluster/drain/:node',
    {
      schema: {
        operationId: cluster.drainNode.operationId,
        summary: 'Empty a node: load balancers are told to leave it, and it does not lead. Outlives its restarts.',
        tags: TAGS,
        params: schemas.NodeParams,
        response: answers({ 202: ref(schemas.DrainNodeResponse) }),
      },
    },
    async (request, reply) => reply.code(202).send(await call(cluster.drainNode, request, request.params)),
  );

  app.delete(
    '/api/cluster/drain/:node',
    {
      schema: {
        operationId: cluster.undrainNode.operationId,
        summary: 'Take a node into service again.',
        tags: TAGS,
        params: schemas.NodeParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(cluster.undrainNode, request, request.params);
      return reply.code(204).send(null);
    },
  );
}
