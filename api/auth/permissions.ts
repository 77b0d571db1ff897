// Whether roles allow what an operation needs (spec 1.9). Pure but for the patterns that are kept ready.

import { matchesPattern } from '../../store/id-patterns.ts';
import { TARGETED, parseResource } from '../../store/model/access.ts';
import type { Action, Permission, Resource, Role } from '../../store/model/access.ts';

export interface Demand {
  readonly resources: readonly Resource[];
  readonly action: Action;
}

/** The ids of a request's path, by the resource that they name; absent = the request is for all of them. */
export type Targets = Readonly<Partial<Record<Resource, string>>>;

/** One single role must satisfy all of it: permissions of two roles are never put together. */
export function allows(roles: readonly Role[], { resources, action }: Demand, targets: Targets): boolean {
  return roles.some(({ permissions }) =>
    resources.every((resource) =>
      permissions.some((permission) => permits(permission, { resource, action, target: targets[resource] ?? '' })),
    ),
  );
}

interface One {
  readonly resource: Resource;
  readonly action: Action;
  readonly target: string;
}

function permits(permission: Permission, { resource, action, target }: One): boolean {
  if (!permission.actions.includes(action)) return false;
  return permission.resources.some((text) => {
    const permitted = parseResource(text);
    if (permitted === null) return false;
    if (permitted.name === 'all') return true;
    if (permitted.name !== resource) return false;
    if (!TARGETED.has(resource) || target === '' || permitted.pattern === '') return true;
    return matchesPattern(permitted.pattern, target);
  });
}
