// Roles (spec 1.9, 1.10): those that people make are records; those that come with Gofer are not, and nobody changes them.

import { fixedRoles, injectedRole, systemRole } from '../auth/built-in-roles.ts';
import { patternProblem } from '../../store/id-patterns.ts';
import { keys } from '../../store/keys.ts';
import { RESOURCES, TARGETED, parseResource } from '../../store/model/access.ts';
import type { Permission, Role } from '../../store/model/access.ts';
import { AppError } from '../../store/model/errors.ts';
import { IDENTIFIER_RULE, isIdentifier } from '../../store/model/ids.ts';
import * as limits from '../../store/model/limits.ts';
import { roleRecord } from '../../store/records/access-records.ts';
import type { ApiDeps } from './deps.ts';
import type { Needs, Operation } from './operation.ts';
import { eventWrites } from './outbox.ts';
import { notFound } from './parse-place.ts';
import { eachKey, listRecords, needRecord, retried } from './store-pages.ts';

export interface RolePlace {
  readonly roleId: string;
}
export interface NewRole extends RolePlace {
  readonly description: string;
  readonly permissions: readonly Permission[];
}
export interface RoleChange extends RolePlace {
  readonly description: string | null;
  readonly permissions: readonly Permission[] | null;
}

const READ: Needs = { resources: ['permissions'], action: 'read' };
const ofAdmins = (action: Needs['action']): Needs => ({ resources: ['permissions'], action, adminOnly: true });

export function createRoleOperations(deps: ApiDeps) {
  return {
    listRoles: {
      operationId: 'list_roles',
      needs: READ,
      run: () => listRoles(deps),
    } satisfies Operation<void, readonly Role[]>,

    createRole: {
      operationId: 'create_role',
      needs: ofAdmins('write'),
      run: (input) => createRole(deps, input),
    } satisfies Operation<NewRole, Role>,

    getRole: {
      operationId: 'get_role',
      needs: READ,
      run: async ({ roleId }) => systemRole(roleId) ?? (await needRecord(deps.state, keyOf(roleId), roleRecord)).value,
    } satisfies Operation<RolePlace, Role>,

    updateRole: {
      operationId: 'update_role',
      needs: ofAdmins('write'),
      run: (input) => updateRole(deps, input).finally(() => deps.directory?.forget()),
    } satisfies Operation<RoleChange, Role>,

    deleteRole: {
      operationId: 'delete_role',
      needs: ofAdmins('delete'),
      run: (input) => deleteRole(deps, input).finally(() => deps.directory?.forget()),
    } satisfies Operation<RolePlace, void>,
  };
}

function keyOf(roleId: string): string {
  if (!isIdentifier(roleId)) throw notFound();
  return keys.role(roleId);
}

/** Those that come with Gofer first, then one for each pipeline, then those that people made. */
async function listRoles({ state }: ApiDeps): Promise<readonly Role[]> {
  const injected: Role[] = [];
  for await (const { key } of eachKey(state, keys.allPipelines())) {
    const [, namespaceId = '', pipelineId = ''] = key.split('/');
    injected.push(injectedRole(namespaceId, pipelineId));
  }
  return [...fixedRoles(), ...injected, ...(await listRecords(state, keys.roles(), roleRecord))];
}

async function createRole(deps: ApiDeps, { roleId, description, permissions }: NewRole): Promise<Role> {
  if (!isIdentifier(roleId)) throw new AppError('invalid', `id: expected ${IDENTIFIER_RULE}.`);
  const taken = new AppError('conflict', `Role ${roleId} exists already.`);
  if (systemRole(roleId) !== null) throw taken;
  checkDescription(description);
  checkPermissions(permissions);
  const role: Role = { roleId, description, permissions, systemRole: false };
  const { succeeded } = await deps.state.commit({
    compares: [{ target: 'create', key: keys.role(roleId), equals: 0 }],
    writes: [
      { op: 'put', key: keys.role(roleId), value: roleRecord.encode(role) },
      ...eventWrites(deps, deps.now(), [{ created_role: { role_id: roleId } }]),
    ],
  });
  if (!succeeded) throw taken;
  return role;
}

async function updateRole({ state }: ApiDeps, { roleId, description, permissions }: RoleChange): Promise<Role> {
  refuseSystemRole(roleId);
  if (description === null && permissions === null) {
    throw new AppError('invalid', 'Nothing to change: give description, permissions or both.');
  }
  if (description !== null) checkDescription(description);
  if (permissions !== null) checkPermissions(permissions);
  return retried(async () => {
    const { value, kv } = await needRecord(state, keyOf(roleId), roleRecord);
    const changed: Role = {
      ...value,
      description: description ?? value.description,
      permissions: permissions ?? value.permissions,
    };
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [{ op: 'put', key: kv.key, value: roleRecord.encode(changed) }],
    });
    return succeeded ? changed : null;
  });
}

async function deleteRole(deps: ApiDeps, { roleId }: RolePlace): Promise<void> {
  refuseSystemRole(roleId);
  await retried(async () => {
    const { kv } = await needRecord(deps.state, keyOf(roleId), roleRecord);
    const { succeeded } = await deps.state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [
        { op: 'delete', key: kv.key },
        ...eventWrites(deps, deps.now(), [{ deleted_role: { role_id: roleId } }]),
      ],
    });
    return succeeded ? true : null;
  });
}

function refuseSystemRole(roleId: string): void {
  if (systemRole(roleId) === null) return;
  throw new AppError('forbidden', `Role ${roleId} comes with Gofer: it can be neither changed nor deleted.`);
}

function checkDescription(description: string): void {
  if (Buffer.byteLength(description) <= limits.DESCRIPTION_BYTES_MAX) return;
  throw new AppError('invalid', `description: expected at most ${limits.DESCRIPTION_BYTES_MAX} bytes.`);
}

function checkPermissions(permissions: readonly Permission[]): void {
  if (permissions.length > limits.ROLE_PERMISSIONS_MAX) {
    throw new AppError('invalid', `permissions: expected at most ${limits.ROLE_PERMISSIONS_MAX}.`);
  }
  for (const [index, { resources }] of permissions.entries()) {
    const field = `permissions[${index}].resources`;
    if (resources.length > limits.PERMISSION_RESOURCES_MAX) {
      throw new AppError('invalid', `${field}: expected at most ${limits.PERMISSION_RESOURCES_MAX}.`);
    }
    for (const [place, text] of resources.entries()) {
      const problem = resourceProblem(text);
      if (problem !== null) throw new AppError('invalid', `${field}[${place}]: ${problem}.`);
    }
  }
}

function resourceProblem(text: string): string | null {
  const resource = parseResource(text);
  if (resource === null) return `expected one of all, ${RESOURCES.join(', ')}, as name or name:pattern`;
  const { name, pattern } = resource;
  if (pattern === '') return null;
  // Ignoring it would allow more than was meant.
  if (!TARGETED.has(name)) return `${name} takes no pattern; only ${[...TARGETED].join(', ')} do`;
  return patternProblem(pattern);
}
