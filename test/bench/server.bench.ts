// The real executable under a real client: from the POST that starts a run to the first instruction of its body, and real processes
// per second, with their history kept. Beside it what the machine does bare: the same bodies spawned by Node with no server at all.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createClient } from '../../sdk/client/client.ts';
import type { Client } from '../../sdk/client/client.ts';
import { ROOT, freePort, startServer } from '../e2e/real-server.ts';
import type { RealServer } from '../e2e/running-server.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { BenchRow } from './bench-row.ts';
import { quantiles } from './quantiles.ts';

const OF_NAMESPACE = { namespaceId: 'default' };
const AT_ONCE = 64;

export async function serverBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  const [first, sustained] = smoke ? [10, 100] : [200, 4_000];
  await using directory = await temporaryDirectory();
  // Their bodies print when they began: the logs of all measured runs are read at the end.
  const environment = { GOFER_WEB_API__TASK_EXECUTION_LOG_RETENTION: String(WARM_UP + first) };
  const server = await startServer({ dataDir: directory.path, port: await freePort(), engine: 'process', environment });
  const client = createClient({ baseUrl: server.url, token: '' });
  try {
    await deploy(client, 'date-task', ['date', '+%s%N']);
    await deploy(client, 'true-task', ['true']);
    return [
      {
        name: 'POST run -> first instruction of its body (date), one after the other',
        figure: quantiles(await firstInstructions(server, client, first)),
        budget: 'p50 <= 5 ms',
      },
      {
        name: `runs of one real process (true), ${AT_ONCE} clients, until all have completed`,
        figure: `${Math.round(await perSecond(server, client, { pipelineId: 'true-task', count: sustained, atOnce: AT_ONCE }))}/s`,
        budget: '>= 400/s',
        raw: `${Math.round(await bareSpawns(Math.min(sustained, 1_000)))}/s spawned by Node, ${AT_ONCE} at once`,
      },
    ];
  } finally {
    await server.stop();
  }
}

export async function deploy(client: Client, pipelineId: string, command: readonly string[]): Promise<void> {
  const task = { id: 'only', image: 'busybox', command, depends_on: {}, variables: {} };
  const more = { inject_api_token: false, always_pull_newest_image: false };
  const config = { id: pipelineId, name: pipelineId, parallelism: 0, tasks: [{ ...task, ...more }] };
  const { pipeline } = await client.registerConfig({ ...OF_NAMESPACE, pipelineId, config: config as never });
  await client.deployConfig({ ...OF_NAMESPACE, pipelineId, version: pipeline.config.version });
}

/** Run id, when it was sent, when it was answered (ms since the epoch, with fractions). */
export type Sent = readonly [number, number, number];

export interface Load {
  readonly pipelineId: string;
  readonly count: number;
  readonly atOnce: number;
  /** Of each client, between an answer and its next request. */
  readonly pauseMs?: number;
}

/** Starts runs from a process of its own. */
export async function load(url: string, { pipelineId, count, atOnce, pauseMs = 0 }: Load): Promise<readonly Sent[]> {
  const program = path.join(ROOT, 'test/bench/load-client.mjs');
  const args = [program, url, pipelineId, count, atOnce, pauseMs].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`the client ended with ${child.exitCode}`);
  return JSON.parse(text) as readonly Sent[];
}

/** Before these the client and the server were not warm. */
export const WARM_UP = 20;
/** Long enough for a run to be over, its log kept, and its records settled, before the next is asked for. */
export const IDLE_MS = 100;

async function firstInstructions({ url }: RealServer, client: Client, count: number): Promise<readonly number[]> {
  const pipelineId = 'date-task';
  const total = WARM_UP + count;
  const done = completions(client, pipelineId, total);
  const sent = await load(url, { pipelineId, count: total, atOnce: 1, pauseMs: IDLE_MS });
  await done;
  const times: number[] = [];
  for (const [runId, at] of sent.slice(WARM_UP)) {
    const place = { ...OF_NAMESPACE, pipelineId, runId, taskId: 'only' };
    for await (const line of client.getLogs(place)) times.push(Number(line) / 1e6 - at);
  }
  return times;
}

/** Resolves once so many more runs of the pipeline have completed. */
export async function completions(client: Client, pipelineId: string, count: number): Promise<void> {
  let seen = 0;
  for await (const _event of client.streamEvents({ kind: 'completed_run', pipelineId })) {
    seen += 1;
    if (seen >= count) return;
  }
}

export async function perSecond({ url }: { readonly url: string }, client: Client, given: Load): Promise<number> {
  const done = completions(client, given.pipelineId, given.count);
  const sent = await load(url, given);
  await done;
  const begun = Math.min(...sent.map(([, at]) => at));
  return (given.count / (performance.timeOrigin + performance.now() - begun)) * 1_000;
}

async function bareSpawns(count: number): Promise<number> {
  let left = count;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left > 0) {
        left -= 1;
        await once(spawn('true', { stdio: 'ignore' }), 'exit');
      }
    }),
  );
  return (count / (performance.now() - begun)) * 1_000;
}
