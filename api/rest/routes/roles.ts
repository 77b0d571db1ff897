// Routes of roles.

import type { Rest, RestApp } from '../app.ts';
import * as schemas from '../schemas/access.ts';
import { Deleted, answers, ref } from '../schemas/common.ts';
import { wireRole } from '../wire/access.ts';

const TAGS = ['Permissions'];
const ALL = '/api/roles';
const ONE = '/api/roles/:role_id';

export function roleRoutes(app: RestApp, rest: Rest): void {
  allRoles(app, rest);
  oneRole(app, rest);
}

function allRoles(app: RestApp, { operations: { roles }, call }: Rest): void {
  app.get(
    ALL,
    {
      schema: {
        operationId: 'list_roles',
        summary: 'List all roles.',
        tags: TAGS,
        response: answers({ 200: ref(schemas.ListRolesResponse) }),
      },
    },
    async (request) => ({ roles: (await call(roles.listRoles, request, undefined)).map(wireRole) }),
  );

  app.post(
    ALL,
    {
      schema: {
        operationId: 'create_role',
        summary: 'Create a role.',
        tags: TAGS,
        body: ref(schemas.CreateRoleRequest),
        response: answers({ 201: ref(schemas.CreateRoleResponse) }),
      },
    },
    async (request, reply) => {
      const { id, ...body } = request.body;
      const role = await call(roles.createRole, request, { roleId: id, ...body });
      return reply.code(201).send({ role: wireRole(role) });
    },
  );
}

function oneRole(app: RestApp, { operations: { roles }, call }: Rest): void {
  app.get(
    ONE,
    {
      schema: {
        operationId: 'get_role',
        summary: 'Get a role by its id.',
        tags: TAGS,
        params: schemas.RoleParams,
        response: answers({ 200: ref(schemas.GetRoleResponse) }),
      },
    },
    async (request) => ({
      role: wireRole(await call(roles.getRole, request, { roleId: request.params.role_id })),
    }),
  );

  app.patch(
    ONE,
    {
      schema: {
        operationId: 'update_role',
        summary: "Change a role's description or permissions.",
        tags: TAGS,
        params: schemas.RoleParams,
        body: ref(schemas.UpdateRoleRequest),
        response: answers({ 200: ref(schemas.UpdateRoleResponse) }),
      },
    },
    async (request) => {
      const { description = null, permissions = null } = request.body;
      const input = { roleId: request.params.role_id, description, permissions };
      return { role: wireRole(await call(roles.updateRole, request, input)) };
    },
  );

  app.delete(
    ONE,
    {
      schema: {
        operationId: 'delete_role',
        summary: 'Delete a role: tokens that hold it lose what it allowed.',
        tags: TAGS,
        params: schemas.RoleParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(roles.deleteRole, request, { roleId: request.params.role_id });
      return reply.code(204).send(null);
    },
  );
}
