// Who may do what (spec 1.6, 1.9): a token holds roles, a role lists permissions, a permission allows actions on resources.

import type { Instant } from './ids.ts';

export const ACTIONS = ['read', 'write', 'delete'] as const;
export type Action = (typeof ACTIONS)[number];

export const RESOURCES = [
  'namespaces',
  'pipelines',
  'configs',
  'deployments',
  'runs',
  'task_executions',
  'objects',
  'secrets',
  'subscriptions',
  'extensions',
  'events',
  'permissions',
  'tokens',
  'system',
] as const;
export type Resource = (typeof RESOURCES)[number];

/** Resources that a permission may narrow by a pattern over the id. */
export const TARGETED: ReadonlySet<Resource | 'all'> = new Set(['namespaces', 'pipelines', 'extensions']);

export interface Permission {
  /** As they were written: `name` or `name:pattern`. */
  readonly resources: readonly string[];
  readonly actions: readonly Action[];
}

export interface Role {
  readonly roleId: string;
  readonly description: string;
  readonly permissions: readonly Permission[];
  /** Made by Gofer; nobody changes or deletes it. */
  readonly systemRole: boolean;
}

export interface Token {
  readonly tokenId: string;
  /** Lower-case hex SHA-256 of the secret, which is kept nowhere. */
  readonly hash: string;
  readonly user: string;
  /** Ids; those that do not exist are ignored. */
  readonly roles: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly created: Instant;
  /** 0 = never. */
  readonly expires: Instant;
  readonly disabled: boolean;
}

/** Roles that may do everything, whatever is stored under their names. */
export const ADMIN_ROLES: ReadonlySet<string> = new Set(['admin', 'bootstrap']);
export const ANONYMOUS_ROLE = 'anonymous';

export interface PermittedResource {
  readonly name: Resource | 'all';
  /** Everything behind the first colon; '' = any id. */
  readonly pattern: string;
}

/** Null when there is no such resource. The name is taken in any casing. */
export function parseResource(text: string): PermittedResource | null {
  const colon = text.indexOf(':');
  const name = (colon < 0 ? text : text.slice(0, colon)).toLowerCase();
  const pattern = colon < 0 ? '' : text.slice(colon + 1);
  return isResource(name) ? { name, pattern } : null;
}

const NAMES: ReadonlySet<string> = new Set([...RESOURCES, 'all']);

function isResource(name: string): name is Resource | 'all' {
  return NAMES.has(name);
}
