// Routes of namespaces.

import type { Rest, RestApp } from '../app.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import * as schemas from '../schemas/namespaces.ts';
import { wireNamespace } from '../wire/namespaces.ts';

const TAGS = ['Namespaces'];
const ALL = '/api/namespaces';
const ONE = '/api/namespaces/:namespace_id';

export function namespaceRoutes(app: RestApp, rest: Rest): void {
  allNamespaces(app, rest);
  oneNamespace(app, rest);
}

function allNamespaces(app: RestApp, { operations: { namespaces }, call }: Rest): void {
  app.get(
    ALL,
    {
      schema: {
        operationId: 'list_namespaces',
        summary: 'List all namespaces.',
        tags: TAGS,
        response: answers({ 200: ref(schemas.ListNamespacesResponse) }),
      },
    },
    async (request) => ({
      namespaces: (await call(namespaces.listNamespaces, request, undefined)).map(wireNamespace),
    }),
  );

  app.post(
    ALL,
    {
      schema: {
        operationId: 'create_namespace',
        summary: 'Create a new namespace.',
        tags: TAGS,
        body: ref(schemas.CreateNamespaceRequest),
        response: answers({ 201: ref(schemas.CreateNamespaceResponse) }),
      },
    },
    async (request, reply) => {
      const namespace = await call(namespaces.createNamespace, request, request.body);
      return reply.code(201).send({ namespace: wireNamespace(namespace) });
    },
  );
}

function oneNamespace(app: RestApp, { operations: { namespaces }, call }: Rest): void {
  app.get(
    ONE,
    {
      schema: {
        operationId: 'get_namespace',
        summary: 'Get a namespace by its id.',
        tags: TAGS,
        params: schemas.NamespaceParams,
        response: answers({ 200: ref(schemas.GetNamespaceResponse) }),
      },
    },
    async (request) => ({
      namespace: wireNamespace(
        await call(namespaces.getNamespace, request, { namespaceId: request.params.namespace_id }),
      ),
    }),
  );

  app.patch(
    ONE,
    {
      schema: {
        operationId: 'update_namespace',
        summary: "Change a namespace's name or description.",
        tags: TAGS,
        params: schemas.NamespaceParams,
        body: ref(schemas.UpdateNamespaceRequest),
        response: answers({ 200: ref(schemas.UpdateNamespaceResponse) }),
      },
    },
    async (request) => {
      const input = { namespaceId: request.params.namespace_id, ...request.body };
      return { namespace: wireNamespace(await call(namespaces.updateNamespace, request, input)) };
    },
  );

  app.delete(
    ONE,
    {
      schema: {
        operationId: 'delete_namespace',
        summary: 'Delete a namespace with all that is in it.',
        tags: TAGS,
        params: schemas.NamespaceParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(namespaces.deleteNamespace, request, { namespaceId: request.params.namespace_id });
      return reply.code(204).send(null);
    },
  );
}
