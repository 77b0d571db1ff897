// The REST server: everything of spec 1.1 to 1.5 that holds for all routes, and the list of the families of routes. Adding a
// family: its operations in api/operations/all.ts, its components in COMPONENTS, its routes in FAMILIES.

import { createServer as createHttpsServer } from 'node:https';
import fastify from 'fastify';
import type { FastifyReply, FastifyRequest, FastifyServerFactory } from 'fastify';
import type { Authenticate } from '../auth/authenticate.ts';
import { createBypass } from '../auth/authenticate.ts';
import { createOperations } from '../operations/all.ts';
import type { Operations } from '../operations/all.ts';
import type { ApiDeps } from '../operations/deps.ts';
import { finishDeletions } from '../operations/pipeline-deletion.ts';
import { AppError, errorText } from '../../store/model/errors.ts';
import { createRest } from './app.ts';
import type { RestApp, RouteFamily } from './app.ts';
import { answerTo } from './error-answers.ts';
import type { Faults } from './error-answers.ts';
import { readJsonBodies } from './json-body.ts';
import { documentRoutes } from './openapi.ts';
import { converterOf } from './parameters.ts';
import { schemaProblems } from './schema-problems.ts';
import { hasDotSegment, isBelowApi, methodsOf } from './paths.ts';
import type { KnownRoute } from './paths.ts';
import { configRoutes } from './routes/configs.ts';
import { deploymentRoutes } from './routes/deployments.ts';
import { clusterRoutes } from './routes/cluster.ts';
import { eventRoutes, eventStream } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { attachStream, logRoutes, logStream } from './routes/logs.ts';
import { namespaceRoutes } from './routes/namespaces.ts';
import { notBuiltRoutes } from './routes/not-built.ts';
import { objectRoutes } from './routes/objects.ts';
import { pipelineRoutes } from './routes/pipelines.ts';
import { roleRoutes } from './routes/roles.ts';
import { runRoutes } from './routes/runs.ts';
import { secretRoutes } from './routes/secrets.ts';
import { systemRoutes } from './routes/system.ts';
import { taskRoutes } from './routes/tasks.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { acceptStreams } from './streams.ts';
import type { Component } from './schemas/common.ts';
import * as accessSchemas from './schemas/access.ts';
import * as clusterSchemas from './schemas/cluster.ts';
import * as commonSchemas from './schemas/common.ts';
import * as configSchemas from './schemas/configs.ts';
import * as deploymentSchemas from './schemas/deployments.ts';
import * as eventSchemas from './schemas/events.ts';
import * as namespaceSchemas from './schemas/namespaces.ts';
import * as objectSchemas from './schemas/objects.ts';
import * as pipelineSchemas from './schemas/pipelines.ts';
import * as runSchemas from './schemas/runs.ts';
import * as secretSchemas from './schemas/secrets.ts';
import * as statusSchemas from './schemas/statuses.ts';
import * as systemSchemas from './schemas/system.ts';
import * as taskSchemas from './schemas/tasks.ts';

/** Every exported schema with an $id becomes a component of the document. */
const COMPONENTS: readonly object[] = [
  accessSchemas,
  clusterSchemas,
  commonSchemas,
  configSchemas,
  deploymentSchemas,
  eventSchemas,
  namespaceSchemas,
  objectSchemas,
  pipelineSchemas,
  runSchemas,
  secretSchemas,
  statusSchemas,
  systemSchemas,
  taskSchemas,
];

const FAMILIES: readonly RouteFamily[] = [
  namespaceRoutes,
  pipelineRoutes,
  configRoutes,
  deploymentRoutes,
  runRoutes,
  taskRoutes,
  logRoutes,
  objectRoutes,
  secretRoutes,
  eventRoutes,
  tokenRoutes,
  roleRoutes,
  systemRoutes,
  clusterRoutes,
  healthRoutes,
  notBuiltRoutes,
];

const STREAMS = [eventStream, logStream, attachStream] as const;

/** Larger than any honest JSON body: a config is the largest, at most 6 MB of record. */
const JSON_BODY_BYTES_MAX = 32 * 1024 * 1024;
const CLOSE_WITHIN_MS = 15_000;
/** A refused upload may go on for so long. */
const DRAIN_MS = 30_000;
/** What is not there now (a store that elects, a node that stops) is mostly there a moment later, or on another node. */
const RETRY_AFTER_S = 1;
/** Longer paths do not fit into the request's header block, so this never cuts one off. */
const PATH_SEGMENT_MAX = 20_000;

export interface RestServerOptions {
  readonly deps: ApiDeps;
  /** Made from `deps` when absent. */
  readonly operations?: Operations;
  /** Bypass when absent. */
  readonly authenticate?: Authenticate;
  readonly faults: Faults;
  readonly jsonBodyBytesMax?: number;
  /** HTTPS with this certificate; absent = plain HTTP. */
  readonly tls?: ServerCertificate | undefined;
  /** While it says true, each answer is the last one of its connection: clients turn to another node. */
  readonly isStopping?: () => boolean;
  /** Longest time that `close` waits for requests in flight; then their connections are cut. */
  readonly closeWithinMs?: number;
}

/** PEM texts. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
  /** Only clients with a certificate by this authority get through; absent = all. */
  readonly clientCa?: string;
}

/** Listens nowhere yet; `close` ends streams and waits for requests in flight. */
export function createRestServer(options: RestServerOptions): RestApp {
  const { deps, faults, tls, authenticate = createBypass(), closeWithinMs = CLOSE_WITHIN_MS } = options;
  const { isStopping = () => false } = options;
  const stop = new AbortController();
  const app: RestApp = fastify({
    // Faults are logged where they are answered; a line for each request would cost more than the request.
    logger: false,
    ...(tls === undefined ? {} : { serverFactory: secured(tls) }),
    genReqId: () => deps.newId(),
    schemaErrorFormatter: schemaProblems,
    bodyLimit: options.jsonBodyBytesMax ?? JSON_BODY_BYTES_MAX,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    // What comes on a connection that is open yet is answered: a client cannot know that the listener has closed.
    return503OnClosing: false,
    routerOptions: { ignoreDuplicateSlashes: true, ignoreTrailingSlash: true, maxParamLength: PATH_SEGMENT_MAX },
    frameworkErrors: (error, request, reply) => void answer(error, request, reply, faults),
    serializerOpts: { ajv: { formats: FORMATS } },
    ajv: {
      customOptions: {
        coerceTypes: false,
        useDefaults: false,
        removeAdditional: false,
        keywords: ['x-component'],
        formats: FORMATS,
      },
    },
  });
  app.addHook('preClose', async () => {
    stop.abort();
    const timer = setTimeout(() => app.server.closeAllConnections(), closeWithinMs);
    app.server.once('close', () => clearTimeout(timer));
  });
  app.addHook('onReady', async () => {
    // Nobody waits for it: what is half deleted is invisible, and its name is guarded.
    finishDeletions(deps).catch((error: unknown) => {
      faults.log.warn({ error: errorText(error) }, 'left-overs of deleted pipelines are still there');
    });
  });
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
    if (isStopping()) void reply.header('connection', 'close');
    if (hasDotSegment(request.raw.url ?? '')) {
      throw new AppError('invalid', 'A path segment "." or ".." is not allowed.');
    }
  });
  app.setErrorHandler((error, request, reply) => answer(error, request, reply, faults));
  acceptStreams(app);
  convertParameters(app);
  answerUnknownPaths(app);
  readJsonBodies(app);
  for (const component of componentsOf(COMPONENTS)) app.addSchema(component);
  documentRoutes(app, deps.settings.version);
  const rest = createRest({
    operations: options.operations ?? createOperations(deps),
    authenticate,
    signal: stop.signal,
  });
  void app.register(async (scope) => {
    for (const family of FAMILIES) family(scope, rest);
    for (const stream of STREAMS) stream(scope, rest, faults);
    scope.get('/docs/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  });
  return app;
}

function secured({ clientCa, ...pair }: ServerCertificate): FastifyServerFactory {
  const clients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  return (handler) => createHttpsServer({ ...pair, ...clients }, handler);
}

/** JSON numbers past 2^53 are not what was sent any more. */
const WHOLE_NUMBER = { type: 'number', validate: Number.isSafeInteger } as const;
const FORMATS = { uint64: WHOLE_NUMBER, int64: WHOLE_NUMBER, uint8: WHOLE_NUMBER, binary: true } as const;

function componentsOf(modules: readonly object[]): readonly Component[] {
  return modules.flatMap((module) => Object.values(module).filter(isComponent));
}

function isComponent(value: unknown): value is Component {
  return typeof value === 'object' && value !== null && '$id' in value;
}

function answer(error: unknown, request: FastifyRequest, reply: FastifyReply, faults: Faults): FastifyReply {
  const { status, message } = answerTo(error, request.id, faults);
  if (!request.raw.complete) drainBody(request, reply);
  if (status === 503) void reply.header('retry-after', RETRY_AFTER_S);
  return reply.code(status).header('x-request-id', request.id).send({ request_id: request.id, message });
}

/**
 * A client that is still sending would not read an answer on a connection that is cut under its hands: the rest of its body is taken
 * in and thrown away, for a while.
 */
function drainBody({ raw }: FastifyRequest, reply: FastifyReply): void {
  void reply.removeHeader('connection');
  const timer = setTimeout(() => raw.socket.destroy(), DRAIN_MS);
  timer.unref();
  raw.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
  raw.resume();
}

/** Adds the strict conversion of path and query texts to every route that has numbers or booleans there. */
function convertParameters(app: RestApp): void {
  app.addHook('onRoute', (route) => {
    const params = converterOf(route.schema?.params);
    const query = converterOf(route.schema?.querystring);
    if (params === null && query === null) return;
    const earlier = route.preValidation === undefined ? [] : [route.preValidation].flat();
    const convert = (request: FastifyRequest, _reply: FastifyReply, done: () => void) => {
      params?.(request.params);
      query?.(request.query);
      done();
    };
    route.preValidation = [convert, ...earlier];
  });
}

function answerUnknownPaths(app: RestApp): void {
  const routes: KnownRoute[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.push({ method: each, url });
  });
  app.setNotFoundHandler((request, reply) => {
    const url = request.raw.url ?? '';
    const methods = methodsOf(routes, url);
    if (methods.length > 0) {
      // One header for each method, as clients of the original know it.
      void reply.code(405).header('allow', methods);
      return reply.send({ request_id: request.id, message: 'Method Not Allowed' });
    }
    void reply.code(404);
    if (isBelowApi(url)) return reply.send({ request_id: request.id, message: 'Not Found' });
    return reply.type('text/html; charset=utf-8').send('<!doctype html><title>Not Found</title><h1>Not Found</h1>\n');
  });
}
