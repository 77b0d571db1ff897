// When is the cluster well again after a fault: everything runs, every node is ready, one leads, the load balancer sees them all.

import { setTimeout as pause } from 'node:timers/promises';
import type { LocalCluster } from '../local-cluster/local-cluster.ts';
import { dockerReady } from './docker.ts';
import type { Session } from './session.ts';

/** On a busy machine a node needs seconds to start, and a lease may have to run out before. */
const WELL_LIMIT_MS = 90_000;
/** Whoever waits longer wants to know for what. */
const TELL_MS = 10_000;
const PROBE_LIMIT_MS = 1_000;
/** Each look asks every part: often enough to lose little time, seldom enough not to be a load. */
const LOOK_MS = 100;
const HEALTHY = /"health" *: *"?true/;

/** Starts what is down and waits until all is well; throws with what is not when that takes too long. */
export async function becomeWell({
  cluster,
  terms,
  options,
}: Pick<Session, 'cluster' | 'terms' | 'options'>): Promise<void> {
  const pieces = [...cluster.etcd, ...cluster.nodes, cluster.balancer];
  await Promise.all(pieces.map((piece) => piece.start()));
  const { daemon, socket } = options.docker;
  if (daemon !== null) {
    await daemon.start();
    await dockerReady(socket, daemon);
  }
  const begun = performance.now();
  let toldAt = begun;
  for (;;) {
    const problems = [...(await problemsOf(cluster)), ...(terms.now() === null ? ['nobody leads'] : [])];
    if (problems.length === 0) return;
    const now = performance.now();
    if (now > begun + WELL_LIMIT_MS) {
      const logs = pieces.map((piece) => `-- ${piece.name}\n${piece.lastLines()}`);
      throw new Error(`The cluster does not become well again: ${problems.join('; ')}\n${logs.join('\n')}`);
    }
    if (now > toldAt + TELL_MS) {
      options.onStep(`not well yet: ${problems.join('; ')}`);
      toldAt = now;
    }
    await pause(LOOK_MS);
  }
}

async function problemsOf({ etcd, nodes, balancer }: LocalCluster): Promise<readonly string[]> {
  const members = etcd.map(async ({ name, endpoint, running }) => {
    if (!running()) return [`${name} does not run`];
    return (await isHealthy(endpoint)) ? [] : [`${name} is not healthy`];
  });
  const ready = nodes.map(async ({ name, url, running }) => {
    if (!running()) return [`${name} does not run`];
    return (await isReady(url)) ? [] : [`${name} is not ready`];
  });
  const seen = balancer.command('show stat').then(
    (stat) => {
      const up = stat.split('\n').filter((line) => line.startsWith('nodes,node-') && line.includes(',L7OK,')).length;
      return up === nodes.length ? [] : [`the load balancer sees ${up} of ${nodes.length} nodes`];
    },
    () => ['the load balancer does not answer'],
  );
  return (await Promise.all([...members, ...ready, seen])).flat();
}

async function isHealthy(endpoint: string): Promise<boolean> {
  const text = await textOf(`${endpoint}/health`);
  return text !== null && HEALTHY.test(text);
}

async function isReady(url: string): Promise<boolean> {
  return (await textOf(`${url}/readyz`)) !== null;
}

/** Null when it is no good answer, or none. */
async function textOf(url: string): Promise<string | null> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    const text = await answer.text();
    return answer.ok ? text : null;
  } catch {
    return null;
  }
}
