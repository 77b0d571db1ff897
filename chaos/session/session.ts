// One cluster under test with all that watches it: links that can be cut, the bodies' witness, the leader's terms, followers of events,
// the history of the clients. Faults and workloads are given this and nothing else.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../../sdk/client/client.ts';
import type { Client } from '../../sdk/client/client.ts';
import type { BodyMark, FaultSeen } from '../checks/evidence.ts';
import { followEvents } from '../history/event-followers.ts';
import type { EventFollower } from '../history/event-followers.ts';
import { watchLeaderTerms } from '../history/leader-terms.ts';
import type { LeaderTerms } from '../history/leader-terms.ts';
import { openRecorder } from '../history/recorder.ts';
import type { Recorder } from '../history/recorder.ts';
import { watchWitness } from '../history/witness.ts';
import type { Witness } from '../history/witness.ts';
import { createClusterLinks } from '../links/cluster-links.ts';
import type { ClusterLinks } from '../links/cluster-links.ts';
import { startLocalCluster } from '../local-cluster/local-cluster.ts';
import type { LocalCluster } from '../local-cluster/local-cluster.ts';
import { PREFIX } from '../local-cluster/nodes.ts';
import type { Piece } from '../local-cluster/piece.ts';
import { createChance } from '../simulation/random.ts';
import type { Chance } from '../simulation/random.ts';
import { recordedClient } from '../workload/recorded-client.ts';
import type { RecordedClient } from '../workload/recorded-client.ts';
import { chaosPipelines, registerPipelines } from '../workload/pipelines.ts';
import type { ChaosPipeline } from '../workload/pipelines.ts';
import { CONTAINER, fileTelling } from '../workload/scripts.ts';
import { createStarters, watchDocker } from '../history/docker-witness.ts';
import type { Starters } from '../history/docker-witness.ts';
import { clockEnvironment } from './clocks.ts';

export type EngineKind = 'process' | 'docker';

export interface SessionOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly engine: EngineKind;
  /** Where history and report are written. */
  readonly directory: string;
  /** The launcher of the build under test; absent = the one of this tree. */
  readonly executable?: string;
  /** Wall clocks of the nodes can be moved; costs them some speed. */
  readonly fakeClocks: boolean;
  /** Keeps logs and data of the cluster. */
  readonly keepFiles: boolean;
  readonly docker: DockerOptions;
  readonly onStep: (step: string) => void;
}

export interface DockerOptions {
  readonly socket: string;
  /** An image with /bin/sh that the daemon has. */
  readonly image: string;
  /** Started for this session, and may be frozen and killed; null = it belongs to others. */
  readonly daemon: Piece | null;
}

export interface Session extends AsyncDisposable {
  readonly options: SessionOptions;
  readonly cluster: LocalCluster;
  readonly links: ClusterLinks;
  readonly terms: LeaderTerms;
  readonly witness: Witness;
  readonly recorder: Recorder;
  readonly follower: EventFollower;
  readonly pipelines: readonly ChaosPipeline[];
  readonly chance: Chance;
  /** Faults so far, in the order of their beginnings. */
  readonly faults: FaultSeen[];
  /** Through the load balancer, not recorded. */
  readonly api: Client;
  /** Through the load balancer; every call is in the history. */
  client(proc: number): RecordedClient;
  /** Resolves with the first body that begins at `since` or later and of which `wanted` is true; null when the time runs out. */
  nextStart(since: number, options: NextStart): Promise<BodyMark | null>;
}

export interface NextStart {
  readonly limitMs: number;
  readonly wanted: (mark: BodyMark) => boolean;
}

/** Runs and objects of a chaos run are all looked at in the end, so none may expire. */
const KEEP_ALL = '1000000';
/** By then all is gone in any run that is well. What it leaves are processes that die with this one. */
const CLOSE_LIMIT_MS = 20_000;
/** Longer than a fail-over takes, so that bodies outlive it. */
const LONG_BODY_SECONDS = 2;

export async function openSession(options: SessionOptions): Promise<Session> {
  await mkdir(options.directory, { recursive: true });
  // In the order in which they were opened; closed from the last to the first.
  const opened: { readonly what: string; readonly each: AsyncDisposable }[] = [];
  const own: Own = (what, each) => {
    opened.push({ what, each });
    return each;
  };
  const close = async () => {
    for (const { what, each } of opened.splice(0).reverse()) {
      const late = new AbortController();
      const said = pause(CLOSE_LIMIT_MS, undefined, { signal: late.signal }).then(
        () => options.onStep(`${what}: not closed after ${CLOSE_LIMIT_MS / 1_000} s, left to the end of this process`),
        () => undefined,
      );
      await Promise.race([each[Symbol.asyncDispose](), said]);
      late.abort();
    }
  };
  try {
    return { ...(await openParts(options, own)), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Own = <T extends AsyncDisposable>(what: string, each: T) => T;

async function openParts(options: SessionOptions, own: Own): Promise<Omit<Session, typeof Symbol.asyncDispose>> {
  const chance = createChance(options.seed, 'faults');
  const linkChance = createChance(options.seed, 'links');
  const starters = createStarters();
  const links = own(
    'links',
    createClusterLinks({
      random: () => linkChance.next(),
      dockerSocket: options.engine === 'docker' ? options.docker.socket : '',
      onDockerRequest: (node, chunk) => starters.hear(node, chunk),
    }),
  );
  const cluster = own('cluster', await startCluster(options, links));
  const witness = own('witness', await openWitness(options, { cluster, starterOf: (id) => starters.starterOf(id) }));
  const endpoints = cluster.etcd.map(({ endpoint }) => endpoint);
  const terms = own('watch of the terms', await watchLeaderTerms({ endpoints, key: `${PREFIX}cluster/leader` }));
  const api = createClient({ baseUrl: cluster.url, token: '' });
  const pipelines = chaosPipelines({
    telling: options.engine === 'docker' ? CONTAINER : fileTelling(witnessFile(options)),
    image: options.docker.image,
    longSeconds: LONG_BODY_SECONDS,
  });
  await registerPipelines(api, pipelines);
  const recorder = own('history', openRecorder(path.join(options.directory, 'history.jsonl')));
  const follower = own('follower of events', followEvents({ url: cluster.url, reader: 'follower' }));
  return {
    ...{ options, cluster, links, terms, witness, recorder, follower, pipelines, chance, api, faults: [] },
    client: (proc) => recordedClient({ proc, client: api, node: 'balancer', recorder }),
    nextStart: (since, next) => nextStart(witness, since, next),
  };
}

function witnessFile({ directory }: SessionOptions): string {
  return path.join(directory, 'witness.log');
}

async function openWitness(
  options: SessionOptions,
  { cluster, starterOf }: { readonly cluster: LocalCluster; readonly starterOf: Starters['starterOf'] },
): Promise<Witness> {
  if (options.engine === 'docker') return watchDocker({ socket: options.docker.socket, starterOf });
  const names = new Map(cluster.nodes.map(({ name, url }) => [url, name]));
  return watchWitness(witnessFile(options), (url) => names.get(url) ?? '');
}

async function startCluster(options: SessionOptions, links: ClusterLinks): Promise<LocalCluster> {
  const cluster = await startLocalCluster({
    nodes: options.nodes,
    engine: options.engine,
    route: (link) => links.route(link),
    keepFiles: options.keepFiles,
    onStep: options.onStep,
    ...(options.executable === undefined ? {} : { executable: options.executable }),
    environment: (node) => ({
      // Bodies tell which node had them started: each node gives them its own address.
      GOFER_WEB_SCHEDULER__TASK_API_URL: '',
      GOFER_WEB_OBJECT_STORE__RUN_OBJECT_EXPIRY: KEEP_ALL,
      GOFER_WEB_API__TASK_EXECUTION_LOG_RETENTION: KEEP_ALL,
      ...(options.fakeClocks ? clockEnvironment(options.directory, node) : {}),
    }),
  });
  links.setOwners(() => cluster.nodes.map((node) => ({ name: node.name, pid: node.pid() })));
  return cluster;
}

function nextStart(witness: Witness, since: number, { limitMs, wanted }: NextStart): Promise<BodyMark | null> {
  const isIt = (mark: BodyMark) => mark.mark === 'start' && mark.at >= since && wanted(mark);
  const seen = witness.marks.findLast(isIt) === undefined ? undefined : witness.marks.find(isIt);
  if (seen !== undefined) return Promise.resolve(seen);
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(null), limitMs);
    const forget = witness.onMark((mark) => {
      if (isIt(mark)) finish(mark);
    });
    function finish(mark: BodyMark | null): void {
      clearTimeout(timer);
      forget();
      resolve(mark);
    }
  });
}
