// A cluster of real nodes on a real etcd, all on loopback: each with a data directory of its own, and with one directory of objects, one
// process engine and one key ring among them. Nodes are reached directly; the suite behind HAProxy is another one.

import path from 'node:path';
import { expect } from 'vitest';
import { killLeftBodies } from '../../chaos/local-cluster/left-bodies.ts';
import { createClient } from '../../sdk/client/client.ts';
import type { Client } from '../../sdk/client/client.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCluster } from '../etcd/etcd-cluster.ts';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { LAUNCHER, api, freePort, startServer } from './real-server.ts';
import type { RealServer } from './running-server.ts';

export interface ClusterWorld extends AsyncDisposable {
  readonly etcd: EtcdCluster;
  readonly directory: string;
  /** In the order of their names: n1, n2, n3. */
  readonly nodes: readonly WorldNode[];
  /** The node that leads, waited for. `other than` = a name that it must not have. */
  leader(options?: { readonly otherThan: string }): Promise<WorldNode>;
  /** The nodes that do not lead, waited for. */
  followers(): Promise<readonly WorldNode[]>;
  /** Settings of a further node, as variables of its environment. */
  settings(name: string): Promise<Readonly<Record<string, string>>>;
}

export interface WorldNode {
  readonly name: string;
  readonly url: string;
  readonly client: Client;
  readonly dataDir: string;
  /** Of the process that runs now, or ran last. */
  server(): RealServer;
  /** Resolves once its API answers. `launcher` = of another build. */
  start(environment?: Readonly<Record<string, string>>, launcher?: string): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null>;
  /** Frozen, with its connections open. */
  freeze(): void;
  thaw(): void;
}

export interface WorldOptions {
  readonly nodes?: number;
  readonly etcd?: 1 | 3;
  readonly environment?: Readonly<Record<string, string>>;
  /** Of another build. */
  readonly launcher?: string;
}

/** Resolves once all nodes are ready. */
export async function startCluster(options: WorldOptions = {}): Promise<ClusterWorld> {
  const { nodes: count = 3, etcd: members = 3, environment = {}, launcher = LAUNCHER } = options;
  const directory = await temporaryDirectory();
  const etcd = await startEtcd(members);
  const settings = async (name: string) => ({
    ...(await clusterSettings(name, { directory: directory.path, etcd })),
    ...environment,
  });
  const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
  const nodes = await Promise.all(
    names.map(async (name) => {
      const dataDir = path.join(directory.path, name);
      return createNode({ name, dataDir, port: await freePort(), environment: await settings(name) });
    }),
  );
  const world: ClusterWorld = {
    etcd,
    directory: directory.path,
    nodes,
    settings,
    leader: ({ otherThan } = { otherThan: '' }) => leaderOf(nodes, otherThan),
    followers: async () => {
      const leader = await leaderOf(nodes, '');
      return nodes.filter((node) => node !== leader);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
      killLeftBodies(path.join(directory.path, 'attempts'));
      await etcd[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
  try {
    await Promise.all(nodes.map((node) => node.start({}, launcher)));
    await Promise.all(nodes.map(untilReady));
    return world;
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

async function clusterSettings(
  name: string,
  { directory, etcd }: { readonly directory: string; readonly etcd: EtcdCluster },
): Promise<Readonly<Record<string, string>>> {
  return {
    GOFER_WEB_STATE_STORE__ENGINE: 'etcd',
    GOFER_WEB_STATE_STORE__ETCD__ENDPOINTS: etcd.endpoints.join(','),
    GOFER_WEB_CLUSTER__NAME: name,
    GOFER_WEB_CLUSTER__BIND_ADDRESS: `127.0.0.1:${await freePort()}`,
    GOFER_WEB_OBJECT_STORE__FILESYSTEM__PATH: path.join(directory, 'objects'),
    GOFER_WEB_OBJECT_STORE__FILESYSTEM__SHARED: 'true',
    GOFER_WEB_SCHEDULER__PROCESS__DIRECTORY: path.join(directory, 'attempts'),
    GOFER_WEB_SECRET_STORE__SEALED__KEY_FILE: path.join(directory, 'secret.key'),
    GOFER_WEB_SERVER__DRAIN_SECONDS: '0',
  };
}

interface NodeParts {
  readonly name: string;
  readonly dataDir: string;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
}

function createNode({ name, dataDir, port, environment }: NodeParts): WorldNode {
  let running: RealServer | null = null;
  const url = `http://127.0.0.1:${port}`;
  const server = () => {
    if (running === null) throw new Error(`${name} was never started`);
    return running;
  };
  return {
    name,
    dataDir,
    url,
    client: createClient({ baseUrl: url, token: '' }),
    server,
    start: async (more = {}, launcher = LAUNCHER) => {
      running = await startServer({
        ...{ dataDir, port, engine: 'process', launcher },
        environment: { ...environment, ...more },
      });
    },
    kill: async () => running?.kill(),
    stop: () => server().stop(),
    freeze: () => process.kill(server().pid, 'SIGSTOP'),
    thaw: () => process.kill(server().pid, 'SIGCONT'),
  };
}

export async function untilReady(node: WorldNode): Promise<void> {
  await eventually(async () => {
    const answer = await fetch(`${node.url}/readyz`);
    expect(await answer.json(), node.server().log()).toEqual({ ready: true, reasons: [] });
  }, 30_000);
}

export interface Body {
  /** For the POSIX shell. */
  readonly script: string;
  readonly after?: readonly string[];
  readonly timeoutSeconds?: number;
  /** How often it is tried again, each time after a second. */
  readonly retries?: number;
}

/** Registers and deploys a pipeline of shell scripts through a node. */
export async function aPipeline(node: WorldNode, id: string, bodies: Readonly<Record<string, Body>>): Promise<void> {
  const tasks = Object.entries(bodies).map(([taskId, { script, after = [], timeoutSeconds, retries }]) => ({
    id: taskId,
    ...(timeoutSeconds === undefined ? {} : { timeout_seconds: timeoutSeconds }),
    ...(retries === undefined ? {} : { retries: { limit: retries, backoff_seconds: 1 } }),
    image: 'none',
    depends_on: Object.fromEntries(after.map((parent) => [parent, 'Success'])),
    variables: {},
    command: ['/bin/sh', '-c', script],
  }));
  const place = `/api/namespaces/default/pipelines/${id}/configs`;
  const config = { id, name: id, parallelism: 0, tasks };
  expect(await api(node, 'POST', place, { config })).toMatchObject({ status: 201 });
  expect(await api(node, 'POST', `${place}/1`)).toMatchObject({ status: 201 });
}

/** Starts a run through a node, and gives its number. */
export async function aRun(node: WorldNode, pipelineId: string): Promise<number> {
  const { run } = await node.client.startRun({ namespaceId: 'default', pipelineId, variables: {} });
  return run.run_id;
}

/** Waits until the run is over, as a node says; gives its status. */
export async function untilEnded(
  node: WorldNode,
  pipelineId: string,
  runId: number,
  limitMs = 20_000,
): Promise<string> {
  return eventually(async () => {
    const { run } = await node.client.getRun({ namespaceId: 'default', pipelineId, runId });
    expect(run.state).toBe('complete');
    return run.status;
  }, limitMs);
}

export interface Status {
  readonly leader: { readonly name: string; readonly term: number } | null;
  readonly members: readonly { readonly name: string; readonly leader: boolean }[];
}

/** Of any node that answers; a frozen one does not in time. */
export async function clusterStatus(nodes: readonly WorldNode[]): Promise<Status> {
  const asked = nodes.map(async (node) => {
    const { status, body } = await api(node, 'GET', '/api/cluster');
    if (status !== 200) throw new Error(`${node.name} answers ${status}`);
    return body as Status;
  });
  return Promise.any(asked);
}

async function leaderOf(nodes: readonly WorldNode[], otherThan: string): Promise<WorldNode> {
  return eventually(async () => {
    const { leader } = await clusterStatus(nodes);
    const found = nodes.find(({ name }) => name === leader?.name);
    if (found === undefined || found.name === otherThan) throw new Error(`the leader is ${leader?.name ?? 'nobody'}`);
    return found;
  }, 30_000);
}
