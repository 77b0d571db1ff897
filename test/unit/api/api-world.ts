// An API server on the memory store, called without a network. Objects and secrets live in maps that behave as their ports promise.

import { createHash } from 'node:crypto';
import type { RestApp } from '../../../api/rest/app.ts';
import type { ApiDeps } from '../../../api/operations/deps.ts';
import { createTokenCheck } from '../../../api/auth/authenticate.ts';
import { createDirectory } from '../../../api/auth/directory.ts';
import { ensureDefaults } from '../../../api/operations/defaults.ts';
import { createRestServer } from '../../../api/rest/server.ts';
import type { RestServerOptions } from '../../../api/rest/server.ts';
import { keys } from '../../../store/keys.ts';
import { AppError } from '../../../store/model/errors.ts';
import { parseNamespaceId, parsePipelineId, parseRunId } from '../../../store/model/ids.ts';
import type { CompleteRun } from '../../../store/model/run.ts';
import type { ObjectStore } from '../../../store/objects/port.ts';
import { outboxRecord } from '../../../store/records/event-records.ts';
import { runRecord } from '../../../store/records/run-records.ts';
import type { SecretStore } from '../../../store/secrets/port.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../store/state/port.ts';
import { newUuid } from '../../../store/uuid.ts';
import { NOON } from '../worlds.ts';

export const VERSION_HEADER = { 'gofer-api-version': 'v0' };

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Parsed, when it is JSON. */
  readonly body: unknown;
  readonly text: string;
}

export interface ApiWorld extends AsyncDisposable {
  readonly app: RestApp;
  readonly deps: ApiDeps;
  readonly state: StateStore;
  readonly blobs: Map<string, Uint8Array>;
  readonly values: Map<string, string>;
  /** Lines that the server logged. */
  readonly logged: object[];
  /** `GET /api/namespaces/{namespace_id}`: all that the router has, in order. */
  routes(): Promise<readonly string[]>;
  /** `call('GET /api/namespaces')`, `call('POST /api/…', body)`. */
  call(request: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface WorldOptions extends Partial<Pick<RestServerOptions, 'jsonBodyBytesMax' | 'authenticate'>> {
  readonly state?: StateStore;
  /** Requests need tokens. */
  readonly tokens?: boolean;
  readonly live?: ApiDeps['live'];
  readonly node?: ApiDeps['node'];
  readonly now?: () => number;
  readonly onBrokenInvariant?: () => void;
}

const NOTHING_LIVE: ApiDeps['live'] = {
  logs: () => {
    throw new AppError('not_found', 'Not Found');
  },
  exec: () => Promise.reject(new AppError('conflict', 'The task does not run.')),
};

export async function anApi(options: WorldOptions = {}): Promise<ApiWorld> {
  const {
    state = createMemoryStore(),
    live = NOTHING_LIVE,
    now = () => NOON,
    onBrokenInvariant = () => undefined,
    node,
    tokens = false,
    ...server
  } = options;
  const ended = new AbortController();
  const directory = tokens ? createDirectory({ state, signal: ended.signal }) : null;
  const blobs = new Map<string, Uint8Array>();
  const values = new Map<string, string>();
  const logged: object[] = [];
  const log = { warn: (fields: object) => logged.push(fields), error: (fields: object) => logged.push(fields) };
  const deps: ApiDeps = {
    state,
    objects: objectsIn(blobs),
    secrets: secretsIn(values),
    live,
    settings: {
      pipelineRunConcurrencyLimit: 200,
      pipelineObjectLimit: 50,
      stopTimeoutMs: 300_000,
      taskApiUrl: () => 'http://127.0.0.1:8080',
      version: '0.1.0',
      commit: '0123456789abcdef',
    },
    now,
    newId: newUuid,
    ...(node === undefined ? {} : { node }),
    ...(directory === null ? {} : { directory }),
  };
  await ensureDefaults(deps);
  const app = createRestServer({
    ...{ deps, faults: { log, onBrokenInvariant } },
    ...(directory === null ? {} : { authenticate: createTokenCheck({ directory, now }) }),
    ...server,
  });
  const routes = collectRoutes(app);
  return {
    app,
    deps,
    state,
    blobs,
    values,
    logged,
    routes,
    call: callerOf(app),
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await app.close();
      await state.close();
    },
  };
}

function collectRoutes(app: RestApp): ApiWorld['routes'] {
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.push(`${each} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
  });
  return async () => {
    await app.ready();
    return routes.toSorted();
  };
}

function callerOf(app: RestApp): ApiWorld['call'] {
  return async (request, body, headers = {}) => {
    const [method = '', url = ''] = request.split(' ');
    const answer = await app.inject({
      method: method as 'GET',
      url,
      headers: { ...VERSION_HEADER, ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: isJson ? answer.json<unknown>() : undefined,
      text: answer.body,
    };
  };
}

/** A pipeline document with tasks of these ids, each after the ones that it names. */
export function aDocument(
  tasks: Readonly<Record<string, readonly string[]>> = { build: [] },
  changes: object = {},
): object {
  return {
    id: 'nightly',
    name: 'Nightly',
    parallelism: 0,
    tasks: Object.entries(tasks).map(([id, parents]) => ({
      id,
      image: 'busybox',
      depends_on: Object.fromEntries(parents.map((parent) => [parent, 'Success'])),
      variables: {},
      inject_api_token: false,
      always_pull_newest_image: false,
    })),
    ...changes,
  };
}

export const PIPELINE = '/api/namespaces/default/pipelines/nightly';

/** Registers the document as a new version, and deploys it. */
export async function deployed(api: ApiWorld, document = aDocument()): Promise<number> {
  const { body } = await api.call(`POST ${PIPELINE}/configs`, { config: document });
  const version = numberAt(body, 'pipeline.config.version');
  await api.call(`POST ${PIPELINE}/configs/${version}`);
  return version;
}

export async function startedRun(api: ApiWorld, variables: object = {}): Promise<number> {
  return numberAt((await api.call(`POST ${PIPELINE}/runs`, { variables })).body, 'run.run_id');
}

/** What stands at a path such as `run.run_id`. */
export function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value);
}

export function numberAt(value: unknown, path: string): number {
  const found = at(value, path);
  if (typeof found !== 'number') throw new Error(`no number at ${path} of ${JSON.stringify(value)}`);
  return found;
}

function objectsIn(blobs: Map<string, Uint8Array>): ObjectStore {
  const infoOf = (bytes: Uint8Array) => ({
    size: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  return {
    put: async (name, body, { maxBytes = Number.POSITIVE_INFINITY } = {}) => {
      const pieces: Uint8Array[] = [];
      let size = 0;
      for await (const piece of body) {
        size += piece.byteLength;
        if (size > maxBytes) throw new AppError('limit', 'Too large.');
        pieces.push(piece);
      }
      const bytes = Buffer.concat(pieces);
      blobs.set(name, bytes);
      return infoOf(bytes);
    },
    open: async (name, { range } = {}) => {
      const bytes = blobs.get(name);
      if (bytes === undefined) throw new AppError('not_found', 'Not Found');
      const part = bytes.subarray(range?.start ?? 0, range?.end);
      return {
        ...infoOf(bytes),
        body: (async function* () {
          yield part;
        })(),
      };
    },
    stat: async (name) => {
      const bytes = blobs.get(name);
      return bytes === undefined ? null : infoOf(bytes);
    },
    delete: async (name) => void blobs.delete(name),
    list: async function* (prefix) {
      for (const name of [...blobs.keys()]) if (name.startsWith(prefix)) yield name;
    },
    close: async () => undefined,
  };
}

function secretsIn(values: Map<string, string>): SecretStore {
  return {
    put: async (name, value) => void values.set(name, value),
    get: async (name) => values.get(name) ?? null,
    delete: async (name) => void values.delete(name),
    close: async () => undefined,
  };
}

/** What the leader would write when a run ends. */
export async function endRun(api: ApiWorld, runId: number, status: CompleteRun['status']): Promise<void> {
  const key = {
    namespaceId: parseNamespaceId('default'),
    pipelineId: parsePipelineId('nightly'),
    runId: parseRunId(runId),
  };
  const kv = await api.state.get(keys.run(key));
  const run = runRecord.decode(kv?.value ?? '');
  const ended: CompleteRun = {
    ...run,
    state: 'complete',
    startedAt: NOON,
    ended: NOON + 1_000,
    status,
    statusReason: null,
  };
  await api.state.commit({
    compares: [],
    writes: [
      { op: 'put', key: keys.run(key), value: runRecord.encode(ended) },
      { op: 'delete', key: keys.openRun(key) },
    ],
  });
}

/** The events that wait for the leader, in its order. */
export async function eventsLeft(api: ApiWorld): Promise<object[]> {
  const { kvs } = await api.state.range(keys.outboxAll());
  const inOrder = [...kvs].sort((left, right) => left.createRevision - right.createRevision);
  return inOrder.map(({ value }) => outboxRecord.decode(value).kind);
}
