// What every thing that the API can do looks like: a name, the permission that it needs, and one function. REST and gRPC sit
// on the same operations; whoever calls `run` has checked `needs` first.

import type { Action, Resource } from '../../store/model/access.ts';

/** The permission that an operation declares (spec 1.11). */
export interface Needs {
  /** All of them, from one single role. */
  readonly resources: readonly Resource[];
  readonly action: Action;
  /** Roles `admin` and `bootstrap` only; permissions cannot grant it. */
  readonly adminOnly?: boolean;
  /** No token is asked for. */
  readonly open?: boolean;
  /** A caller that could not be authenticated counts as the role `anonymous`. */
  readonly anonymous?: boolean;
}

export interface Caller {
  readonly tokenId: string;
  readonly user: string;
  readonly roles: readonly string[];
}

export interface RequestContext {
  readonly caller: Caller;
  readonly requestId: string;
  /** Aborts when the server shuts down; a client that goes away does not abort (spec 1.1). */
  readonly signal: AbortSignal;
}

export interface Operation<Input, Output> {
  /** The operation id of the OpenAPI document. */
  readonly operationId: string;
  readonly needs: Needs;
  readonly run: (input: Input, context: RequestContext) => Promise<Output>;
}
