// What a family of routes is given, and the one way from a request to an operation.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authenticate } from '../auth/authenticate.ts';
import type { Operations } from '../operations/all.ts';
import type { Needs, Operation, RequestContext } from '../operations/operation.ts';

export type RestApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** The part of a request that operations are called with; any route's request is one. */
export type AnyRequest = Pick<FastifyRequest, 'id' | 'headers' | 'params'>;

export interface Rest {
  readonly operations: Operations;
  readonly authenticate: Authenticate;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
  /** Checks the caller, for an operation that is run later. */
  readonly admit: (needs: Needs, request: AnyRequest) => Promise<RequestContext>;
  /** Checks the caller, then runs the operation. */
  readonly call: <Input, Output>(
    operation: Operation<Input, Output>,
    request: AnyRequest,
    input: Input,
  ) => Promise<Output>;
}

/** Adds the routes of one family. */
export type RouteFamily = (app: RestApp, rest: Rest) => void;

export function createRest(options: Pick<Rest, 'operations' | 'authenticate' | 'signal'>): Rest {
  const { authenticate, signal } = options;
  const admit = async (needs: Needs, request: AnyRequest) => {
    const caller = await authenticate(request, needs);
    return { caller, requestId: request.id, signal };
  };
  return {
    ...options,
    admit,
    call: async (operation, request, input) => operation.run(input, await admit(operation.needs, request)),
  };
}
