// A whole cluster on this machine's loopback: three etcd members, three nodes of the real executable, HAProxy. For the chaos suite,
// `npm run cluster` and the end-to-end tests: each piece can be killed, frozen and started again, and each link led through a proxy of
// the caller (links.ts). Whoever starts it closes it; on close everything is gone, bodies of tasks and files included.

import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createBalancer } from './balancer.ts';
import type { Balancer } from './balancer.ts';
import { createEtcdMembers, etcdReady } from './etcd-members.ts';
import type { EtcdMember } from './etcd-members.ts';
import { freePorts } from './free-ports.ts';
import { leaderNow } from './leader-watch.ts';
import { killLeftBodies } from './left-bodies.ts';
import { direct } from './links.ts';
import type { Route } from './links.ts';
import { attemptsDirectory, createNodes } from './nodes.ts';
import type { LocalNode } from './nodes.ts';
import type { Piece } from './piece.ts';
import { waitUntil } from './wait-until.ts';

export interface LocalClusterOptions {
  readonly nodes?: number;
  readonly etcdMembers?: 1 | 3;
  readonly engine?: 'process' | 'docker';
  /** Asked once for each link, before anything is started. */
  readonly route?: Route;
  /** The launcher of the build that the nodes run; by default the one of this tree. */
  readonly executable?: string;
  /** Further variables for a node, settings among them (GOFER_WEB_...). Asked at each of its starts. */
  readonly environment?: (node: string) => Readonly<Record<string, string>>;
  readonly etcdQuotaBytes?: number;
  /** HAProxy takes a node for gone that misses two health checks by so much. Longer on a machine that is busy with other things. */
  readonly checkLimitMs?: number;
  /** Where a member keeps its data, if not below the cluster's own directory: such as on a small disk. */
  readonly etcdDirectory?: (member: string) => string;
  /** Keeps the files after the end, logs included. */
  readonly keepFiles?: boolean;
  /** Told as the pieces become ready. */
  readonly onStep?: (step: string) => void;
  /** Aborted: what is there is taken down, also in the middle of starting. */
  readonly signal?: AbortSignal;
}

export interface LocalCluster extends AsyncDisposable {
  /** Everything that the pieces write; logs are in `logs/`, one file a piece. */
  readonly directory: string;
  /** Of the API, through HAProxy. */
  readonly url: string;
  readonly etcd: readonly EtcdMember[];
  readonly nodes: readonly LocalNode[];
  readonly balancer: Balancer;
  /** By the name of the piece; throws when there is none. */
  node(name: string): LocalNode;
  /** The node that leads, as etcd says; waits until there is one. */
  leader(): Promise<LocalNode>;
  /** Starts the nodes that do not run; resolves once all are ready and HAProxy has seen it. */
  startNodes(): Promise<void>;
  /** Nodes first, as an operator would; bodies are killed and files removed. May be called twice. */
  close(): Promise<void>;
}

/** The folder of the sources. It is two up in the tree, and in dist/chaos, where this is bundled to, as well. */
const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** etcd's own default: 2 GiB. */
const QUOTA_BYTES = 2_147_483_648;
/** The longest that an election takes with everything at its worst: two lease times and some. */
const LEADER_LIMIT_MS = 30_000;
/** As short as an idle machine allows: the time in which a frozen node is noticed is made of it. */
const CHECK_LIMIT_MS = 700;
/** At the very end nothing is in flight that deserves longer. */
const CLOSE_LIMIT_MS = 5_000;

/** Resolves once all nodes say that they are ready and HAProxy has seen it. What was started by then is ended when it fails. */
export async function startLocalCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const directory = await mkdtemp(path.join(tmpdir(), 'gofer-cluster-'));
  const pieces: Piece[] = [];
  const close = closer({ directory, pieces, keepFiles: options.keepFiles ?? false });
  try {
    const cluster = await createPieces(directory, options);
    pieces.push(...cluster.nodes, cluster.balancer, ...cluster.etcd);
    await startPieces(cluster, options);
    return {
      ...cluster,
      directory,
      url: cluster.balancer.url,
      node: (name) => nodeNamed(cluster, name),
      leader: () => leaderOf(cluster),
      startNodes: () => startNodes(cluster),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Pieces {
  readonly etcd: readonly EtcdMember[];
  readonly nodes: readonly LocalNode[];
  readonly balancer: Balancer;
}

async function createPieces(directory: string, options: LocalClusterOptions): Promise<Pieces> {
  const { nodes: nodeCount = 3, etcdMembers = 3, route = direct } = options;
  const logs = path.join(directory, 'logs');
  await mkdir(logs);
  const ports = portsFrom(await freePorts(2 * nodeCount + 2 * etcdMembers + 2));
  const etcd = await createEtcdMembers({
    ...{ directory, logs, route },
    ports: Array.from({ length: etcdMembers }, () => ({ client: ports(), peer: ports() })),
    quotaBytes: options.etcdQuotaBytes ?? QUOTA_BYTES,
    dataDirectory: options.etcdDirectory ?? ((name) => path.join(directory, name)),
  });
  const balancerPorts = { api: ports(), stats: ports() };
  const nodes = await createNodes({
    ...{ directory, logs, route, etcd },
    ports: Array.from({ length: nodeCount }, () => ({ api: ports(), peer: ports() })),
    apiUrl: `http://127.0.0.1:${balancerPorts.api}`,
    engine: options.engine ?? 'process',
    executable: options.executable ?? path.join(ROOT, 'cmd', 'gofer.mjs'),
    environment: options.environment ?? (() => ({})),
  });
  const servers = await Promise.all(
    nodes.map(async ({ name, address }) => ({
      name,
      address: await route({ kind: 'balancer-node', from: 'haproxy', to: name, address }),
    })),
  );
  const checkLimitMs = options.checkLimitMs ?? CHECK_LIMIT_MS;
  return { etcd, nodes, balancer: createBalancer({ directory, logs, ports: balancerPorts, servers, checkLimitMs }) };
}

/** Gives them out one by one. */
function portsFrom(free: readonly number[]): () => number {
  const left = [...free];
  return () => left.pop() ?? 0;
}

async function startPieces({ etcd, nodes, balancer }: Pieces, options: LocalClusterOptions): Promise<void> {
  const { onStep = () => undefined, signal } = options;
  signal?.throwIfAborted();
  await Promise.all(etcd.map((member) => member.start()));
  await etcdReady(etcd);
  onStep(`etcd: ${etcd.length} members`);
  // The first one makes the records of a new installation.
  const [first, ...others] = nodes;
  for (const some of [first === undefined ? [] : [first], others]) {
    signal?.throwIfAborted();
    await Promise.all(some.map((node) => startNode(node, onStep)));
  }
  signal?.throwIfAborted();
  await balancer.start();
  await balancerReady(balancer, nodes.length);
  onStep('haproxy: sees all of them');
}

async function startNode(node: LocalNode, onStep: (step: string) => void): Promise<void> {
  await node.start();
  await node.ready();
  onStep(`${node.name}: ready`);
}

async function startNodes({ nodes, balancer }: Pieces): Promise<void> {
  await Promise.all(nodes.map((node) => node.start()));
  await Promise.all(nodes.map((node) => node.ready()));
  await balancerReady(balancer, nodes.length);
}

async function balancerReady(balancer: Balancer, count: number): Promise<void> {
  await waitUntil(
    async () => {
      const lines = (await balancer.command('show stat')).split('\n');
      return lines.filter((line) => line.startsWith('nodes,node-') && line.includes(',L7OK,')).length === count
        ? true
        : null;
    },
    { limitMs: LEADER_LIMIT_MS, what: () => `HAProxy does not see all nodes:\n${balancer.lastLines()}` },
  );
}

function nodeNamed({ nodes }: Pieces, name: string): LocalNode {
  const found = nodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`there is no node ${name}`);
  return found;
}

async function leaderOf(pieces: Pieces): Promise<LocalNode> {
  const reign = await waitUntil(() => leaderNow(pieces.etcd), {
    limitMs: LEADER_LIMIT_MS,
    what: () => 'no node leads',
  });
  return nodeNamed(pieces, reign.name);
}

interface CloseOptions {
  readonly directory: string;
  readonly pieces: readonly Piece[];
  readonly keepFiles: boolean;
}

function closer({ directory, pieces, keepFiles }: CloseOptions): () => Promise<void> {
  let closing: Promise<void> | null = null;
  const atExit = () => keepFiles || rmSync(directory, { recursive: true, force: true });
  process.on('exit', atExit);
  const close = async () => {
    const nodes = pieces.filter(({ name }) => name.startsWith('node-'));
    await Promise.all(nodes.map((node) => node.stop(CLOSE_LIMIT_MS)));
    await Promise.all(pieces.map((piece) => piece.kill()));
    killLeftBodies(attemptsDirectory(directory));
    if (!keepFiles) await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    process.off('exit', atExit);
  };
  return () => (closing ??= close());
}
