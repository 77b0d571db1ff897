// Who is calling, and may they? The order of the checks is part of the contract (spec 1.5): identity, then API version, then
// permission. So far there is one way in: bypass mode, in which everybody is the administrator; the server's composition
// allows it on a loopback address only.

import { AppError } from '../../store/model/errors.ts';
import type { Caller, Needs } from '../operations/operation.ts';

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

export function createBypass(): Authenticate {
  return (request) => {
    checkVersion(request.headers['gofer-api-version']);
    return EVERYBODY;
  };
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
