// Who is calling, and may they? The order of the checks is part of the contract (spec 1.5): identity, then API version, then permission.
// In bypass mode everybody is the administrator.

import { ANONYMOUS_ROLE } from '../../store/model/access.ts';
import type { Resource, Token } from '../../store/model/access.ts';
import { AppError, isAppError } from '../../store/model/errors.ts';
import type { Caller, Needs } from '../operations/operation.ts';
import { isAdmin } from './built-in-roles.ts';
import type { Directory } from './directory.ts';
import { allows } from './permissions.ts';
import type { Targets } from './permissions.ts';
import { hashOfSecret } from './token-secret.ts';

export const API_VERSIONS: readonly string[] = ['v0'];

/** What of a request decides about the caller. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Ids in the path: the targets of permissions. */
  readonly params: unknown;
}

/** Throws unauthenticated, denied, or invalid (headers that are missing or not understood). */
export type Authenticate = (request: Credentials, needs: Needs) => Promise<Caller> | Caller;

const EVERYBODY: Caller = { tokenId: '0', user: 'Anonymous', roles: ['admin'] };
const ANYBODY: Caller = { tokenId: '0', user: 'Anonymous', roles: [ANONYMOUS_ROLE] };

export function createBypass(): Authenticate {
  return (request) => {
    checkVersion(request.headers['gofer-api-version']);
    return EVERYBODY;
  };
}

export interface TokenCheckOptions {
  readonly directory: Pick<Directory, 'tokenOf' | 'rolesOf'>;
  readonly now: () => number;
}

/** Asks for a token wherever the operation does not say otherwise. */
export function createTokenCheck({ directory, now }: TokenCheckOptions): Authenticate {
  return async (request, needs) => {
    const caller = needs.open === true ? EVERYBODY : await identify(request, needs);
    checkVersion(request.headers['gofer-api-version']);
    if (isAdmin(caller.roles)) return caller;
    if (needs.adminOnly === true) {
      throw new AppError('denied', 'Only a token with role admin may do this.');
    }
    const roles = await directory.rolesOf(caller.roles);
    if (!allows(roles, needs, targetsOf(request.params))) {
      throw new AppError('denied', `No role of this token allows this: it needs ${demandText(needs)}.`);
    }
    return caller;
  };

  async function identify({ headers }: Credentials, { anonymous = false }: Needs): Promise<Caller> {
    try {
      const { tokenId, user, roles } = await tokenOf(headers['authorization']);
      return { tokenId, user, roles };
    } catch (error) {
      // For the web page: whoever cannot be told counts as anybody, also with a token that is wrong (spec 1.8).
      if (anonymous && (isAppError(error, 'invalid') || isAppError(error, 'unauthenticated'))) return ANYBODY;
      throw error;
    }
  }

  async function tokenOf(header: string | readonly string[] | undefined): Promise<Token> {
    const token = await directory.tokenOf(hashOfSecret(secretIn(header)));
    if (token === null) throw new AppError('unauthenticated', 'Unauthorized');
    if (token.disabled) throw new AppError('unauthenticated', 'Token disabled');
    if (token.expires !== 0 && now() > token.expires) throw new AppError('unauthenticated', 'Token expired');
    return token;
  }
}

const SCHEME = 'Bearer ';

function secretIn(header: string | readonly string[] | undefined): string {
  if (typeof header !== 'string') {
    throw new AppError('invalid', 'The header authorization is missing; it should be: Bearer <token>.');
  }
  if (!header.startsWith(SCHEME)) {
    throw new AppError('invalid', 'The header authorization is malformed; it should be: Bearer <token>.');
  }
  return header.slice(SCHEME.length);
}

const TARGETS: readonly (readonly [Resource, string])[] = [
  ['namespaces', 'namespace_id'],
  ['pipelines', 'pipeline_id'],
  ['extensions', 'extension_id'],
];

function targetsOf(params: unknown): Targets {
  if (typeof params !== 'object' || params === null) return {};
  const ids = new Map<string, unknown>(Object.entries(params));
  return Object.fromEntries(
    TARGETS.flatMap(([resource, name]) => {
      const id = ids.get(name);
      return typeof id === 'string' ? [[resource, id]] : [];
    }),
  );
}

function demandText({ resources, action }: Needs): string {
  return `${action} on ${resources.join(', ')}, in one role`;
}

function checkVersion(version: string | readonly string[] | undefined): void {
  if (typeof version === 'string' && API_VERSIONS.includes(version)) return;
  const wanted = JSON.stringify(API_VERSIONS);
  throw new AppError(
    'invalid',
    version === undefined
      ? `The header gofer-api-version is missing; it should be one of ${wanted}.`
      : `The header gofer-api-version should be one of ${wanted}.`,
  );
}
