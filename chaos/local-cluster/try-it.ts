// `npm run cluster`: starts a whole cluster on this machine, kills the leader in the middle of its work, and tells what happened; then
// goes on until Ctrl-C. `--once` ends after the story, with exit status 0 when nothing was lost and nothing ran twice.

import path from 'node:path';
import { parseArgs } from 'node:util';
import { interruption } from './interruption.ts';
import { startLocalCluster } from './local-cluster.ts';
import type { LocalCluster } from './local-cluster.ts';
import { PREFIX } from './nodes.ts';
import { killTheLeader } from './scenario.ts';
import { isGood, tell } from './story.ts';
import { PIPELINE } from './workload.ts';

const HELP = `Usage: npm run cluster -- [options]

Starts three etcd members, three nodes and HAProxy on this machine's loopback, runs a pipeline many times, kills the leader with -9 in
the middle of it, and tells what happened. Then everything goes on until Ctrl-C.

Options:
  --once       end after the story: exit status 0 when nothing was lost and nothing ran twice, else 1
  -h, --help   this text
`;

const USAGE = 2;
/** What a shell reports of a process that Ctrl-C ended. */
const INTERRUPTED = 130;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) return USAGE;
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const signal = interruption();
  try {
    return await tryIt({ once: options.once === true, signal });
  } catch (error) {
    if (signal.aborted) return INTERRUPTED;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { once: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nSee: npm run cluster -- --help\n`);
    return null;
  }
}

async function tryIt({ once, signal }: { readonly once: boolean; readonly signal: AbortSignal }): Promise<number> {
  const begin = performance.now();
  say('Starting three etcd members, three nodes and HAProxy on 127.0.0.1:\n');
  await using cluster = await startLocalCluster({
    signal,
    onStep: (step) => say(`  ${((performance.now() - begin) / 1_000).toFixed(1)} s  ${step}\n`),
  });
  say('\nClients start runs of a pipeline; in the middle of it the leader is killed.\n\n');
  const story = await Promise.race([killTheLeader(cluster), aborted(signal)]);
  say(`${tell(story).join('\n')}\n`);
  if (once) return isGood(story) ? 0 : 1;
  say(waysToUse(cluster));
  await aborted(signal).catch(() => undefined);
  say('\nStopping everything.\n');
  return 0;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error('interrupted'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function waysToUse({ url, nodes, etcd, balancer, directory }: LocalCluster): string {
  const endpoints = etcd.map(({ endpoint }) => endpoint).join(',');
  const perNode = nodes.map((node) => `  ${node.name}   ${node.url}   (pid ${node.pid() ?? '-'})`);
  return `
Everything goes on until Ctrl-C:
  API      ${url}   (HAProxy, before all nodes)
${perNode.join('\n')}
  HAProxy  ${balancer.statsUrl}
  logs     ${path.join(directory, 'logs')}

In another terminal, in this folder:
  export GOFER_API_BASE_URL=${url}
  npx gofer cluster status
  npx gofer run start ${PIPELINE.pipelineId} --follow
  npx gofer run list ${PIPELINE.pipelineId} --limit 5
  kill -9 PID_OF_ANY_NODE        # or -STOP and -CONT: work goes on
  ETCDCTL_API=3 etcdctl --endpoints=${endpoints} get --prefix ${PREFIX}cluster/
`;
}

function say(text: string): void {
  process.stdout.write(text);
}
