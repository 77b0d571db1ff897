// Routes of tokens.

import type { Rest, RestApp } from '../app.ts';
import * as schemas from '../schemas/access.ts';
import { Deleted, Updated, answers, ref } from '../schemas/common.ts';
import { wireToken } from '../wire/access.ts';

const TAGS = ['Tokens'];
const ALL = '/api/tokens';
const ONE = '/api/tokens/:id';

export function tokenRoutes(app: RestApp, rest: Rest): void {
  allTokens(app, rest);
  ownToken(app, rest);
  oneToken(app, rest);
}

function allTokens(app: RestApp, { operations: { tokens }, call }: Rest): void {
  app.get(
    ALL,
    {
      schema: {
        operationId: 'list_tokens',
        summary: 'List all tokens.',
        tags: TAGS,
        response: answers({ 200: ref(schemas.ListTokensResponse) }),
      },
    },
    async (request) => ({ tokens: (await call(tokens.listTokens, request, undefined)).map(wireToken) }),
  );

  app.post(
    ALL,
    {
      schema: {
        operationId: 'create_token',
        summary: 'Create a token. Its secret is in this answer and nowhere else.',
        tags: TAGS,
        body: ref(schemas.CreateTokenRequest),
        response: answers({ 201: ref(schemas.CreateTokenResponse) }),
      },
    },
    async (request, reply) => {
      const { metadata, ...body } = request.body;
      const { token, secret } = await call(tokens.createToken, request, { ...body, metadata: metadata ?? {} });
      return reply.code(201).send({ secret, token_details: wireToken(token) });
    },
  );
}

function ownToken(app: RestApp, { operations: { tokens }, call }: Rest): void {
  app.post(
    '/api/tokens/bootstrap',
    {
      schema: {
        operationId: 'create_bootstrap_token',
        summary: 'Create the first token, which may do everything. Works once in the life of an installation.',
        tags: TAGS,
        response: answers({ 201: ref(schemas.CreateTokenResponse) }),
      },
    },
    async (request, reply) => {
      const { token, secret } = await call(tokens.createBootstrapToken, request, undefined);
      return reply.code(201).send({ secret, token_details: wireToken(token) });
    },
  );

  app.get(
    '/api/tokens/whoami',
    {
      schema: {
        operationId: 'whoami',
        summary: 'Get the token that this request is made with.',
        tags: TAGS,
        response: answers({ 200: ref(schemas.WhoAmIResponse) }),
      },
    },
    async (request) => ({ token: wireToken(await call(tokens.whoami, request, undefined)) }),
  );
}

function oneToken(app: RestApp, { operations: { tokens }, call }: Rest): void {
  app.get(
    ONE,
    {
      schema: {
        operationId: 'get_token_by_id',
        summary: 'Get a token by its id.',
        tags: TAGS,
        params: schemas.TokenParams,
        response: answers({ 200: ref(schemas.GetTokenByIDResponse) }),
      },
    },
    async (request) => ({
      token: wireToken(await call(tokens.getToken, request, { tokenId: request.params.id })),
    }),
  );

  app.patch(
    ONE,
    {
      schema: {
        operationId: 'update_token',
        summary: 'Disable a token, or enable it again.',
        tags: TAGS,
        params: schemas.TokenParams,
        body: ref(schemas.UpdateTokenRequest),
        response: answers({ 204: Updated }),
      },
    },
    async (request, reply) => {
      const input = { tokenId: request.params.id, disabled: request.body.disabled ?? null };
      await call(tokens.updateToken, request, input);
      return reply.code(204).send(null);
    },
  );

  app.delete(
    ONE,
    {
      schema: {
        operationId: 'delete_token',
        summary: 'Delete a token: requests with it are refused from now on.',
        tags: TAGS,
        params: schemas.TokenParams,
        response: answers({ 204: Deleted }),
      },
    },
    async (request, reply) => {
      await call(tokens.deleteToken, request, { tokenId: request.params.id });
      return reply.code(204).send(null);
    },
  );
}
