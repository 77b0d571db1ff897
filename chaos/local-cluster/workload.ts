// What runs while the leader is killed: clients that start runs through HAProxy, one after the other each, and wait for their ends as
// any program would, by the SDK. Every call is counted. A call that fails is tried again, with the same idempotency key.

import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../../sdk/client/client.ts';
import type { Client } from '../../sdk/client/client.ts';
import type { PipelineDocument } from '../../sdk/index.ts';
import { witnessText } from './witness.ts';

export interface Calls {
  made: number;
  failed: number;
  /** What the last failed one said. */
  lastFault: string | null;
}

export interface EndedRun {
  readonly runId: number;
  readonly status: string;
}

export interface Workload extends Disposable {
  readonly calls: Calls;
  readonly ended: readonly EndedRun[];
  /** Runs that were acknowledged and have not ended, as far as the clients know. */
  inFlight(): number;
  /** Resolves once all runs have ended; rejects when that takes too long, or when it is disposed of before. */
  readonly over: Promise<void>;
}

export const PIPELINE = { namespaceId: 'default', pipelineId: 'night-shift' } as const;
export const TASKS = ['fetch', 'check', 'merge', 'report'] as const;
const CLIENTS = 6;
const RUNS_OF_EACH = 4;
export const RUNS = CLIENTS * RUNS_OF_EACH;
/** Of each body. */
export const LINES = 10;

const POLL_MS = 100;
const AGAIN_MS = 50;
/** Twenty times what it takes on an idle machine. */
const OVER_LIMIT_MS = 120_000;

/** `fetch` and `check` side by side, then `merge`, then `report`. Each body takes about half a second. */
export function nightShift(witnessFile: string): PipelineDocument {
  const script = [
    witnessText(witnessFile, 'begin'),
    ...Array.from({ length: LINES }, (_, line) => `echo "line ${line + 1}"; sleep 0.04`),
    witnessText(witnessFile, 'end'),
  ].join('\n');
  const parents: Readonly<Record<string, readonly string[]>> = { merge: ['fetch', 'check'], report: ['merge'] };
  return {
    id: PIPELINE.pipelineId,
    name: 'The night shift',
    description: null,
    parallelism: 0,
    tasks: TASKS.map((id) => ({
      ...{ id, description: null, image: 'busybox', registry_auth: null, entrypoint: null, variables: {} },
      depends_on: Object.fromEntries((parents[id] ?? []).map((parent) => [parent, 'Success' as const])),
      command: ['/bin/sh', '-c', script],
      ...{ inject_api_token: false, always_pull_newest_image: false },
    })),
  };
}

export async function registerNightShift(client: Client, witnessFile: string): Promise<void> {
  const { pipeline } = await client.registerConfig({ ...PIPELINE, config: nightShift(witnessFile) });
  await client.deployConfig({ ...PIPELINE, version: pipeline.config.version });
}

export function startWorkload(url: string): Workload {
  const calls: Calls = { made: 0, failed: 0, lastFault: null };
  const ended: EndedRun[] = [];
  let started = 0;
  let end = performance.now() + OVER_LIMIT_MS;

  async function call<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      calls.made += 1;
      try {
        return await ask();
      } catch (error) {
        calls.failed += 1;
        calls.lastFault = error instanceof Error ? error.message : String(error);
        if (performance.now() > end) throw error;
      }
      await pause(AGAIN_MS);
    }
  }

  async function oneRun(client: Client, key: string): Promise<void> {
    const { run } = await call(() => client.startRun({ ...PIPELINE, variables: {}, idempotencyKey: key }));
    started += 1;
    for (;;) {
      const seen = await call(() => client.getRun({ ...PIPELINE, runId: run.run_id }));
      if (seen.run.state === 'complete') return void ended.push({ runId: run.run_id, status: seen.run.status });
      if (performance.now() > end) throw new Error(`run ${run.run_id} has not ended: it is ${seen.run.state}`);
      await pause(POLL_MS);
    }
  }

  async function oneClient(number: number): Promise<void> {
    const client = createClient({ baseUrl: url, token: '' });
    for (let count = 0; count < RUNS_OF_EACH; count += 1) await oneRun(client, `client-${number}-run-${count}`);
  }

  const over = Promise.all(Array.from({ length: CLIENTS }, (_, number) => oneClient(number))).then(() => undefined);
  // Whoever started it awaits it later.
  over.catch(() => undefined);
  return { calls, ended, inFlight: () => started - ended.length, over, [Symbol.dispose]: () => void (end = 0) };
}

/** Tasks whose log is not exactly what their body wrote, each with what was read in its place. */
export async function wrongLogs(client: Client, runs: readonly EndedRun[]): Promise<readonly string[]> {
  const wanted = Array.from({ length: LINES }, (_, line) => `line ${line + 1}\n`).join('');
  const wrong: string[] = [];
  for (const { runId } of runs) {
    for (const taskId of TASKS) {
      let text = '';
      for await (const line of client.getLogs({ ...PIPELINE, runId, taskId })) text += line;
      if (text !== wanted) wrong.push(`${runId}/${taskId}: ${JSON.stringify(text)}`);
    }
  }
  return wrong;
}
