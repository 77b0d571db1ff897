// The typed client of Gofer's API: one method for each operation. The CLI uses it, and so may any program.

import type * as access from './access-types.ts';
import type * as cluster from './cluster-types.ts';
import { download } from './download.ts';
import type { ObjectDownload } from './download.ts';
import { createStreams } from './streams.ts';
import type { Streams } from './streams.ts';
import { createTransport } from './transport.ts';
import type { Transport, TransportOptions } from './transport.ts';
import type * as wire from './types.ts';

type InNamespace = wire.InNamespace;
type OfPipeline = wire.OfPipeline;
type OfRun = wire.OfRun;

export type Client = ReturnType<typeof createClient>;
export type ClientOptions = TransportOptions;

/** Opens no connection before the first call. */
export function createClient(options: ClientOptions) {
  const transport = createTransport(options);
  return {
    /** The one that is asked at the moment. */
    get baseUrl() {
      return transport.baseUrl();
    },
    ...systemCalls(transport),
    ...clusterCalls(transport),
    ...namespaceCalls(transport),
    ...pipelineCalls(transport),
    ...configCalls(transport),
    ...runCalls(transport),
    ...objectCalls(transport),
    ...secretCalls(transport),
    ...eventCalls(transport),
    ...tokenCalls(transport),
    ...roleCalls(transport),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const part = encodeURIComponent;
const namespacePath = ({ namespaceId }: InNamespace) => `/api/namespaces/${part(namespaceId)}`;
const pipelinePath = (of: OfPipeline) => `${namespacePath(of)}/pipelines/${part(of.pipelineId)}`;
const runPath = (of: OfRun) => `${pipelinePath(of)}/runs/${of.runId}`;
const taskPath = (of: wire.OfTask) => `${runPath(of)}/tasks/${part(of.taskId)}`;

function systemCalls({ json }: Transport) {
  const path = '/api/system';
  return {
    getSystemMetadata: () => json<wire.SystemMetadata>({ method: 'GET', path: `${path}/metadata` }),
    getSystemPreferences: () => json<wire.SystemPreferences>({ method: 'GET', path }),
    updateSystemPreferences: (changes: { readonly ignorePipelineRunEvents: boolean }) =>
      json<object>({ method: 'PATCH', path, json: { ignore_pipeline_run_events: changes.ignorePipelineRunEvents } }),
  };
}

function clusterCalls({ json }: Transport) {
  const path = '/api/cluster';
  const drainPath = ({ node }: { readonly node: string }) => `${path}/drain/${part(node)}`;
  return {
    getCluster: () => json<cluster.Cluster>({ method: 'GET', path }),
    /** Asks for it; `getCluster` shows when it has happened. Without `to` any other node may come next. */
    transferLeadership: ({ to = null }: { readonly to?: string | null }) =>
      json<cluster.LeadershipTransfer>({ method: 'POST', path: `${path}/transfer`, json: { to } }),
    drainNode: (of: { readonly node: string }) => json<object>({ method: 'POST', path: drainPath(of) }),
    undrainNode: (of: { readonly node: string }) => json<undefined>({ method: 'DELETE', path: drainPath(of) }),
  };
}

function namespaceCalls({ json }: Transport) {
  const path = '/api/namespaces';
  interface Texts {
    readonly name?: string;
    readonly description?: string;
  }
  return {
    listNamespaces: () => json<{ readonly namespaces: readonly wire.Namespace[] }>({ method: 'GET', path }),
    createNamespace: (given: { readonly id: string; readonly name: string; readonly description: string }) =>
      json<{ readonly namespace: wire.Namespace }>({ method: 'POST', path, json: given }),
    getNamespace: (of: InNamespace) =>
      json<{ readonly namespace: wire.Namespace }>({ method: 'GET', path: namespacePath(of) }),
    updateNamespace: ({ namespaceId, ...texts }: InNamespace & Texts) =>
      json<{ readonly namespace: wire.Namespace }>({
        method: 'PATCH',
        path: namespacePath({ namespaceId }),
        json: texts,
      }),
    deleteNamespace: (of: InNamespace) => json<undefined>({ method: 'DELETE', path: namespacePath(of), removes: true }),
  };
}

function pipelineCalls({ json }: Transport) {
  return {
    listPipelines: (of: InNamespace) =>
      json<{ readonly pipelines: readonly wire.PipelineMetadata[] }>({
        method: 'GET',
        path: `${namespacePath(of)}/pipelines`,
      }),
    getPipeline: (of: OfPipeline) =>
      json<{ readonly pipeline: wire.PipelineMetadata }>({ method: 'GET', path: pipelinePath(of) }),
    updatePipeline: ({ state, ...of }: OfPipeline & { readonly state: 'active' | 'disabled' }) =>
      json<undefined>({ method: 'PATCH', path: pipelinePath(of), json: { state } }),
    deletePipeline: (of: OfPipeline) => json<undefined>({ method: 'DELETE', path: pipelinePath(of), removes: true }),
  };
}

function configCalls({ json }: Transport) {
  interface OfVersion extends OfPipeline {
    /** 0 = the highest. */
    readonly version: number;
  }
  const path = (of: OfVersion) => `${pipelinePath(of)}/configs/${of.version}`;
  return {
    listConfigs: (of: OfPipeline) =>
      json<{ readonly configs: readonly wire.Config[] }>({ method: 'GET', path: `${pipelinePath(of)}/configs` }),
    registerConfig: ({ config, ...of }: OfPipeline & { readonly config: wire.PipelineDocument }) =>
      json<{ readonly pipeline: wire.RegisteredPipeline }>({
        method: 'POST',
        path: `${pipelinePath(of)}/configs`,
        json: { config },
      }),
    getConfig: (of: OfVersion) => json<{ readonly config: wire.Config }>({ method: 'GET', path: path(of) }),
    deployConfig: (of: OfVersion) => json<{ readonly deployment: wire.Deployment }>({ method: 'POST', path: path(of) }),
    deleteConfig: (of: OfVersion) => json<undefined>({ method: 'DELETE', path: path(of), removes: true }),
    listDeployments: (of: OfPipeline) =>
      json<{ readonly deployments: readonly wire.Deployment[] }>({
        method: 'GET',
        path: `${pipelinePath(of)}/deployments`,
      }),
    getDeployment: ({ deploymentId, ...of }: OfPipeline & { readonly deploymentId: number }) =>
      json<{ readonly deployment: wire.Deployment }>({
        method: 'GET',
        path: `${pipelinePath(of)}/deployments/${deploymentId}`,
      }),
  };
}

function runCalls({ json }: Transport) {
  interface Page {
    readonly limit?: number;
    readonly offset?: number;
    readonly reverse?: boolean;
  }
  interface Once {
    /** The same key and the same request make one run, however often they are sent. Absent = the client makes one up. */
    readonly idempotencyKey?: string;
  }
  const once = ({ idempotencyKey = crypto.randomUUID() }: Once) => ({
    headers: { 'idempotency-key': idempotencyKey },
    repeatable: true,
  });
  return {
    listRuns: ({ limit, offset, reverse, ...of }: OfPipeline & Page) =>
      json<{ readonly runs: readonly wire.Run[] }>({
        method: 'GET',
        path: `${pipelinePath(of)}/runs`,
        query: { limit, offset, reverse },
      }),
    startRun: ({ variables, ...of }: OfPipeline & Once & { readonly variables: Readonly<Record<string, string>> }) =>
      json<{ readonly run: wire.Run }>({
        method: 'POST',
        path: `${pipelinePath(of)}/runs`,
        json: { variables },
        ...once(of),
      }),
    getRun: (of: OfRun) => json<{ readonly run: wire.Run }>({ method: 'GET', path: runPath(of) }),
    cancelRun: ({ force, ...of }: OfRun & { readonly force?: boolean }) =>
      json<undefined>({ method: 'DELETE', path: runPath(of), query: { force } }),
    retryRun: (of: OfRun & Once) =>
      json<{ readonly run: wire.Run }>({ method: 'POST', path: `${runPath(of)}/retry`, ...once(of) }),
    listTaskExecutions: (of: OfRun) =>
      json<{ readonly task_executions: readonly wire.TaskExecution[] }>({
        method: 'GET',
        path: `${runPath(of)}/tasks`,
      }),
    getTaskExecution: (of: wire.OfTask) =>
      json<{ readonly task_execution: wire.TaskExecution }>({ method: 'GET', path: taskPath(of) }),
    cancelTaskExecution: ({ waitFor, ...of }: wire.OfTask & { readonly waitFor: number }) =>
      json<undefined>({ method: 'DELETE', path: taskPath(of), query: { wait_for: waitFor } }),
    deleteLogs: (of: wire.OfTask) => json<undefined>({ method: 'DELETE', path: `${taskPath(of)}/logs`, removes: true }),
  };
}

type Bytes = AsyncIterable<Uint8Array> | Uint8Array | string;

interface PutObject {
  readonly key: string;
  readonly force: boolean;
  readonly body: Bytes;
}

function objectCalls({ json, raw }: Transport) {
  type OneObject = { readonly object: wire.StoredObject };
  type ObjectList = { readonly objects: readonly wire.StoredObject[] };
  const put = (base: string, { key, force, body }: PutObject) =>
    // Without force the second of two equal calls would be refused.
    json<OneObject>({
      ...{ method: 'POST', path: `${base}/objects/${part(key)}`, query: { force }, bytes: body },
      repeatable: force,
    });
  const get = (base: string, key: string): Promise<ObjectDownload> => download(raw, `${base}/objects/${part(key)}`);
  const list = (base: string) => json<ObjectList>({ method: 'GET', path: `${base}/objects` });
  const remove = (base: string, key: string) =>
    json<undefined>({ method: 'DELETE', path: `${base}/objects/${part(key)}`, removes: true });
  interface Key {
    readonly key: string;
  }
  return {
    listPipelineObjects: (of: OfPipeline) => list(pipelinePath(of)),
    getPipelineObject: ({ key, ...of }: OfPipeline & Key) => get(pipelinePath(of), key),
    putPipelineObject: (given: OfPipeline & PutObject) => put(pipelinePath(given), given),
    deletePipelineObject: ({ key, ...of }: OfPipeline & Key) => remove(pipelinePath(of), key),
    listRunObjects: (of: OfRun) => list(runPath(of)),
    getRunObject: ({ key, ...of }: OfRun & Key) => get(runPath(of), key),
    putRunObject: (given: OfRun & PutObject) => put(runPath(given), given),
    deleteRunObject: ({ key, ...of }: OfRun & Key) => remove(runPath(of), key),
  };
}

function secretCalls({ json }: Transport) {
  interface Key {
    readonly key: string;
  }
  interface Read extends Key {
    readonly includeSecret: boolean;
  }
  interface Put extends Key {
    readonly content: string;
    readonly force: boolean;
  }
  type One = { readonly secret: wire.Secret };
  type Many = { readonly secrets: readonly wire.Secret[] };
  const global = '/api/secrets/global';
  const own = (of: OfPipeline) => `${pipelinePath(of)}/secrets`;
  return {
    listGlobalSecrets: () => json<Many>({ method: 'GET', path: global }),
    getGlobalSecret: ({ key, includeSecret }: Read) =>
      json<wire.SecretValue>({
        method: 'GET',
        path: `${global}/${part(key)}`,
        query: { include_secret: includeSecret },
      }),
    putGlobalSecret: (given: Put & { readonly namespaces: readonly string[] }) =>
      json<One>({ method: 'POST', path: global, json: given, repeatable: given.force }),
    deleteGlobalSecret: ({ key }: Key) =>
      json<undefined>({ method: 'DELETE', path: `${global}/${part(key)}`, removes: true }),
    listPipelineSecrets: (of: OfPipeline) => json<Many>({ method: 'GET', path: own(of) }),
    getPipelineSecret: ({ key, includeSecret, ...of }: OfPipeline & Read) =>
      json<wire.SecretValue>({
        method: 'GET',
        path: `${own(of)}/${part(key)}`,
        query: { include_secret: includeSecret },
      }),
    putPipelineSecret: ({ key, content, force, ...of }: OfPipeline & Put) =>
      json<One>({ method: 'POST', path: own(of), json: { key, content, force }, repeatable: force }),
    deletePipelineSecret: ({ key, ...of }: OfPipeline & Key) =>
      json<undefined>({ method: 'DELETE', path: `${own(of)}/${part(key)}`, removes: true }),
  };
}

function eventCalls(transport: Transport): Streams & {
  readonly getEvent: (of: { readonly eventId: string }) => Promise<{ readonly event: wire.Event }>;
  readonly deleteEvent: (of: { readonly eventId: string }) => Promise<undefined>;
} {
  const path = (eventId: string) => `/api/events/${part(eventId)}`;
  return {
    ...createStreams(transport),
    getEvent: ({ eventId }) => transport.json({ method: 'GET', path: path(eventId) }),
    deleteEvent: ({ eventId }) => transport.json({ method: 'DELETE', path: path(eventId), removes: true }),
  };
}

function tokenCalls({ json }: Transport) {
  const all = '/api/tokens';
  const path = ({ tokenId }: { readonly tokenId: string }) => `${all}/${part(tokenId)}`;
  return {
    listTokens: () => json<{ readonly tokens: readonly access.Token[] }>({ method: 'GET', path: all }),
    createToken: (token: access.NewToken) =>
      json<access.CreatedToken>({ method: 'POST', path: all, json: { ...token } }),
    /** Works once in the life of an installation, and needs no token. */
    createBootstrapToken: () => json<access.CreatedToken>({ method: 'POST', path: `${all}/bootstrap` }),
    whoAmI: () => json<{ readonly token: access.Token }>({ method: 'GET', path: `${all}/whoami` }),
    getToken: (of: { readonly tokenId: string }) =>
      json<{ readonly token: access.Token }>({ method: 'GET', path: path(of) }),
    updateToken: ({ disabled, ...of }: { readonly tokenId: string; readonly disabled: boolean }) =>
      json<undefined>({ method: 'PATCH', path: path(of), json: { disabled } }),
    deleteToken: (of: { readonly tokenId: string }) =>
      json<undefined>({ method: 'DELETE', path: path(of), removes: true }),
  };
}

function roleCalls({ json }: Transport) {
  const all = '/api/roles';
  const path = ({ roleId }: { readonly roleId: string }) => `${all}/${part(roleId)}`;
  type One = { readonly role: access.Role };
  type Change = { readonly description?: string; readonly permissions?: readonly access.Permission[] };
  return {
    listRoles: () => json<{ readonly roles: readonly access.Role[] }>({ method: 'GET', path: all }),
    createRole: (role: Omit<access.Role, 'system_role'>) => json<One>({ method: 'POST', path: all, json: { ...role } }),
    getRole: (of: { readonly roleId: string }) => json<One>({ method: 'GET', path: path(of) }),
    updateRole: ({ roleId, ...changes }: Change & { readonly roleId: string }) =>
      json<One>({ method: 'PATCH', path: path({ roleId }), json: { ...changes } }),
    deleteRole: (of: { readonly roleId: string }) =>
      json<undefined>({ method: 'DELETE', path: path(of), removes: true }),
  };
}
