// Three nodes behind HAProxy in the place of one server: what the end-to-end tests call start, stop and kill is done to all nodes at once.
// etcd and HAProxy stay until the test file is over, as a disk and an address do.

import { afterAll } from 'vitest';
import { startLocalCluster } from '../../chaos/local-cluster/local-cluster.ts';
import type { LocalCluster } from '../../chaos/local-cluster/local-cluster.ts';
import type { RealServer } from './running-server.ts';

/** By data directory: who starts a server again on the same data means the same cluster. */
const clusters = new Map<string, Promise<LocalCluster>>();

/** Resolves once HAProxy sees three nodes that are ready. */
export async function startServedCluster(dataDir: string, executable: string): Promise<RealServer> {
  const known = clusters.get(dataDir);
  const starting = known ?? startLocalCluster({ executable, checkLimitMs: CHECK_LIMIT_MS });
  clusters.set(dataDir, starting);
  const cluster = await starting;
  if (known !== undefined) await cluster.startNodes();
  const { nodes, url } = cluster;
  return {
    url,
    pid: nodes[0]?.pid() ?? -1,
    pids: nodes.map((node) => node.pid() ?? -1),
    log: () => nodes.map((node) => node.lastLines(LOG_LINES)).join('\n'),
    kill: async () => void (await Promise.all(nodes.map((node) => node.kill()))),
    stop: async () => {
      const exits = await Promise.all(nodes.map((node) => node.stop()));
      return exits.find(({ code }) => code !== 0)?.code ?? 0;
    },
  };
}

/** The tests are busy on the same processors: a node that is slow is not gone. */
const CHECK_LIMIT_MS = 5_000;

/** More than any test logs. */
const LOG_LINES = 10_000;

if (process.env['GOFER_TEST_CLUSTER'] === '1') {
  afterAll(async () => {
    for (const cluster of clusters.values()) await (await cluster).close();
  });
}
