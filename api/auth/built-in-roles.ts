// Roles that nobody stores: those that are there from the beginning, and those that follow from their own name (spec 1.10). So a newer build
// has newer ones at once, nothing is left behind when a pipeline goes, and a pattern of theirs is anchored.

import { ADMIN_ROLES } from '../../store/model/access.ts';
import type { Permission, Role } from '../../store/model/access.ts';
import { isIdentifier } from '../../store/model/ids.ts';

const ALL = ['read', 'write', 'delete'] as const;

const EVERYTHING: readonly Permission[] = [{ resources: ['all'], actions: ALL }];

/** Besides what the original lists, users see their tasks and their own token (spec 15, 30). */
const OF_USERS: readonly Permission[] = [
  {
    resources: [
      'namespaces:^default$',
      'pipelines:.*',
      ...['configs', 'deployments', 'events', 'objects', 'runs', 'secrets', 'subscriptions', 'task_executions'],
    ],
    actions: ALL,
  },
  { resources: ['tokens'], actions: ['read'] },
];

const OF_ANYBODY: readonly Permission[] = [
  { resources: ['namespaces:^default$', 'pipelines:.*', 'runs'], actions: ['read'] },
];

const FIXED: readonly Role[] = [
  aSystemRole('bootstrap', 'Everything. Held by the first token of an installation.', EVERYTHING),
  aSystemRole('admin', 'Everything.', EVERYTHING),
  aSystemRole('user', 'All of the pipelines in namespace default.', OF_USERS),
  aSystemRole('anonymous', 'What callers without a token see.', OF_ANYBODY),
];

const BY_ID: ReadonlyMap<string, Role> = new Map(FIXED.map((role) => [role.roleId, role]));

const INJECTED = 'inject_api_token_';

/** In the order in which they are listed. */
export function fixedRoles(): readonly Role[] {
  return FIXED;
}

/** Role of the tokens that runs of one pipeline are given. Ids have no underscore, so the name tells both. */
export function injectedRoleId(namespaceId: string, pipelineId: string): string {
  return `${INJECTED}${namespaceId}_${pipelineId}`;
}

/** Null when no role of this name comes with Gofer. */
export function systemRole(roleId: string): Role | null {
  const fixed = BY_ID.get(roleId);
  if (fixed !== undefined) return fixed;
  if (!roleId.startsWith(INJECTED)) return null;
  const [namespaceId = '', pipelineId = '', ...more] = roleId.slice(INJECTED.length).split('_');
  if (more.length > 0 || !isIdentifier(namespaceId) || !isIdentifier(pipelineId)) return null;
  return injectedRole(namespaceId, pipelineId);
}

/** Writes to its own pipeline; reads what lies in its own namespace and in the default one. No secrets, no tokens, nothing is deleted. */
export function injectedRole(namespaceId: string, pipelineId: string): Role {
  const permissions: readonly Permission[] = [
    {
      resources: [
        ...['configs', 'objects', 'runs', 'task_executions'],
        `namespaces:^${namespaceId}$`,
        `pipelines:^${pipelineId}$`,
      ],
      actions: ['read', 'write'],
    },
    {
      resources: [
        ...['configs', 'deployments', 'events', 'objects', 'subscriptions', 'system', 'task_executions'],
        `namespaces:^(default|${namespaceId})$`,
        'pipelines:.*',
      ],
      actions: ['read'],
    },
  ];
  const what = `Tokens that runs of ${namespaceId}/${pipelineId} are given.`;
  return aSystemRole(injectedRoleId(namespaceId, pipelineId), what, permissions);
}

export function isAdmin(roles: readonly string[]): boolean {
  return roles.some((role) => ADMIN_ROLES.has(role));
}

function aSystemRole(roleId: string, description: string, permissions: readonly Permission[]): Role {
  return { roleId, description, permissions, systemRole: true };
}
