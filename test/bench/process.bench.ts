// What a real process costs: sustained `true` bodies with claim, capture and outcome, and the way from submit to the first
// instruction of a body. Beside it what the bare machine does: Node spawning /bin/true, and a shell forking it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openProcessEngine } from '../../scheduler/engines/process/process-engine.ts';
import type { AttemptReport, AttemptSpec, Engine } from '../../scheduler/engines/port.ts';
import { attemptId, parseNamespaceId, parsePipelineId, parseRunId, parseTaskId } from '../../store/model/ids.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { NO_RESOURCE_LIMITS } from '../../store/model/config.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { BenchRow } from './bench-row.ts';

/** Bodies at once in the sustained part: enough to keep two cores busy, not so many that they only queue. */
const AT_ONCE = 12;

const SILENT = { info: () => undefined, warn: () => undefined };

export async function processBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  const [count, latencies, bare] = smoke ? [40, 10, 20] : [4_000, 300, 500];
  await using directory = await temporaryDirectory();
  const engine = await openProcessEngine({
    dataDir: directory.path,
    log: SILENT,
    now: Date.now,
    hostEnv: process.env,
  });
  // The engine does not keep its process alive; in the server the listeners do.
  const alive = setInterval(() => undefined, 60_000);
  try {
    const raw = await rawRates(bare);
    const runOne = runner(engine, new AbortController().signal);
    const rate = await sustained(runOne, count);
    const told = await submitLatencies(runOne, latencies);
    const started = await firstInstructions(engine, runOne, latencies);
    return [
      {
        name: 'process engine: sustained `true` bodies',
        figure: rate,
        budget: '>= 400/s',
        raw,
      },
      { name: 'process engine: submit to accepted', figure: quantiles(told), budget: 'p50 <= 3 ms' },
      {
        name: 'process engine: submit to first instruction of date(1)',
        figure: quantiles(started),
        budget: 'p50 <= 5 ms from POST',
      },
    ];
  } finally {
    clearInterval(alive);
    await engine.close();
  }
}

/** Submits one body and waits for its end. */
type RunOne = (command: readonly string[]) => Promise<{ readonly id: AttemptId; readonly submitMs: number }>;

function runner(engine: Engine, signal: AbortSignal): RunOne {
  const waiting = new Map<AttemptId, () => void>();
  const changed = (report: AttemptReport) => {
    if (report.state === 'ended') waiting.get(report.id)?.();
  };
  engine.watch({ changed, missed: () => undefined }, { signal });
  let runs = 0;
  return async (command) => {
    runs += 1;
    const id = benchId(runs);
    const ended = new Promise<void>((resolve) => waiting.set(id, resolve));
    const begin = performance.now();
    await engine.submit(aSpec(id, command), { signal });
    const submitMs = performance.now() - begin;
    await ended;
    waiting.delete(id);
    return { id, submitMs };
  };
}

async function sustained(runOne: RunOne, count: number): Promise<string> {
  let left = count;
  const begin = performance.now();
  const busy = process.cpuUsage();
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await runOne(['true']);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const { user, system } = process.cpuUsage(busy);
  const perSecond = (count / (performance.now() - begin)) * 1_000;
  return `${perSecond.toFixed(0)}/s, server's CPU ${((user + system) / 1_000 / count).toFixed(2)} ms each`;
}

async function submitLatencies(runOne: RunOne, count: number): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let n = 0; n < count; n += 1) taken.push((await runOne(['true'])).submitMs);
  return taken;
}

/** The body is date(1) and prints the time itself, so the loading of that program is part of the figure. */
async function firstInstructions(engine: Engine, runOne: RunOne, count: number): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const submittedAt = performance.timeOrigin + performance.now();
    const { id } = await runOne(['date', '+%s.%N']);
    for await (const chunk of engine.logs(id, { follow: false })) {
      taken.push(Number(Buffer.from(chunk.bytes).toString()) * 1_000 - submittedAt);
    }
  }
  return taken;
}

async function rawRates(count: number): Promise<string> {
  const begin = performance.now();
  for (let n = 0; n < count; n += 1) await once(spawn('/bin/true', { stdio: 'ignore' }), 'exit');
  const byNode = (count / (performance.now() - begin)) * 1_000;
  const again = performance.now();
  spawnSync('/bin/sh', ['-c', `i=0; while [ $i -lt ${count} ]; do /bin/true; i=$((i+1)); done`]);
  const byShell = (count / (performance.now() - again)) * 1_000;
  return `spawn of /bin/true, one at a time: Node ${byNode.toFixed(0)}/s, sh ${byShell.toFixed(0)}/s`;
}

function benchId(run: number): AttemptId {
  const names = { namespaceId: parseNamespaceId('bench'), pipelineId: parsePipelineId('process') };
  return attemptId({ ...names, runId: parseRunId(run), taskId: parseTaskId('body') }, 1);
}

function aSpec(id: AttemptId, command: readonly string[]): AttemptSpec {
  const body = { image: '', entrypoint: null, command, env: { BENCH: 'yes' } };
  return { id, ...body, registryAuth: null, pull: 'missing', resources: NO_RESOURCE_LIMITS };
}

function quantiles(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
