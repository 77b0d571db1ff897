// What an engine's test file gives to the conformance suite, and the small helpers that all of its parts share.

import { expect } from 'vitest';
import type { AttemptReport, AttemptSpec, Engine, LogOptions } from '../../scheduler/engines/port.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { attemptId, parseNamespaceId, parsePipelineId, parseRunId, parseTaskId } from '../../store/model/ids.ts';
import { eventually } from '../eventually.ts';

export type EngineBody = Pick<AttemptSpec, 'image' | 'entrypoint' | 'command'>;

/** One place where bodies run (a data directory, a daemon). Engines opened on it one after the other find the same attempts. */
export interface EngineWorld {
  /** Opens one more engine on this place; two may be open at once. The suite closes it. */
  open(): Promise<Engine>;

  /** The server's sudden end: the engine is gone without having stopped any body. */
  crash(engine: Engine): Promise<void>;

  /** A body that runs this script by `/bin/sh -c`. Before anything else it leaves one trace that `starts` counts. */
  script(id: AttemptId, text: string): EngineBody;

  /** A body whose command does not exist. */
  missingCommand(): EngineBody & { readonly name: string };

  /** How often a body of this id was started, counted outside of the engine (side file, events of the daemon). */
  starts(id: AttemptId): Promise<number>;

  /** Whether any process of this attempt is alive, children included, as seen outside of the engine. */
  alive(id: AttemptId): Promise<boolean>;

  /** Removes every trace. Called last. */
  dispose(): Promise<void>;
}

export type EngineWorldFactory = () => Promise<EngineWorld>;

/** The engine of a group, and its world; made before the first test of the group. */
export interface EngineTestScope {
  readonly engine: () => Engine;
  readonly world: () => EngineWorld;
}

let lastRun = 0;

/** An id that no other test uses. */
export function freshId(): AttemptId {
  lastRun += 1;
  const unique = `s${process.pid.toString(36)}-${Date.now().toString(36)}`;
  return attemptId(
    {
      namespaceId: parseNamespaceId('suite'),
      pipelineId: parsePipelineId(unique),
      runId: parseRunId(lastRun),
      taskId: parseTaskId('task'),
    },
    1,
  );
}

export function aSpec(id: AttemptId, body: EngineBody, env: Readonly<Record<string, string>> = {}): AttemptSpec {
  return {
    id,
    ...body,
    env: { SUITE_ATTEMPT: id, ...env },
    registryAuth: null,
    pull: 'missing',
    resources: { cpuMillis: 0, memoryMib: 0 },
  };
}

export function submit(engine: Engine, spec: AttemptSpec): Promise<AttemptReport> {
  return engine.submit(spec, { signal: new AbortController().signal });
}

export async function lookupOne(engine: Engine, id: AttemptId): Promise<AttemptReport> {
  const [report] = await engine.lookup([id]);
  if (report === undefined || report.state === 'unclear')
    throw new Error(`lookup gave no report: ${report?.why ?? ''}`);
  return report;
}

export type EndedReport = Extract<AttemptReport, { state: 'ended' }>;

export async function whenEnded(engine: Engine, id: AttemptId, limitMs?: number): Promise<EndedReport> {
  return eventually(async () => {
    const report = await lookupOne(engine, id);
    if (report.state !== 'ended') throw new Error(`attempt is ${report.state}`);
    return report;
  }, limitMs);
}

export async function whenRunning(engine: Engine, id: AttemptId): Promise<void> {
  await eventually(async () => expect((await lookupOne(engine, id)).state).toBe('running'));
}

/** Waits until the body has printed this text: a body that must be ready (traps set) says so. */
export async function whenPrinted(engine: Engine, id: AttemptId, text: string): Promise<void> {
  await eventually(async () => expect((await readLog(engine, id)).stdout.toString()).toContain(text));
}

export interface ReadLog {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly instants: readonly number[];
}

export async function readLog(engine: Engine, id: AttemptId, options: Partial<LogOptions> = {}): Promise<ReadLog> {
  const bytes: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] };
  const instants: number[] = [];
  for await (const chunk of engine.logs(id, { follow: false, ...options })) {
    bytes[chunk.stream].push(Buffer.from(chunk.bytes));
    instants.push(chunk.at);
  }
  return { stdout: Buffer.concat(bytes.stdout), stderr: Buffer.concat(bytes.stderr), instants };
}
