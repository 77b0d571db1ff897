// A data directory of the process engine, for the conformance suite and for tests of the engine itself.

import { appendFileSync, existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { openProcessEngine } from '../../scheduler/engines/process/process-engine.ts';
import type { ProcessEngineDeps } from '../../scheduler/engines/process/process-engine.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { EngineWorld } from './engine-world.ts';

export interface ProcessWorld extends EngineWorld {
  readonly dataDir: string;
  readonly logged: readonly string[];
}

export async function processWorld(options: Partial<ProcessEngineDeps> = {}): Promise<ProcessWorld> {
  const directory = await temporaryDirectory();
  const dataDir = join(directory.path, 'data with blank');
  const traces = join(directory.path, 'traces');
  const logged: string[] = [];
  const take = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  appendFileSync(traces, '');
  return {
    dataDir,
    logged,
    open: () =>
      openProcessEngine({ dataDir, log: { info: take, warn: take }, now: Date.now, hostEnv: process.env, ...options }),
    crash: (engine) => engine.close(),
    script: (id, text) => ({
      image: '',
      entrypoint: ['/bin/sh', '-c'],
      command: [`echo '${id}' >> '${traces}'\n${text}`],
    }),
    missingCommand: () => ({ image: '', entrypoint: null, command: ['no-such-program', 'x'], name: 'no-such-program' }),
    starts: async (id) =>
      readFileSync(traces, 'utf8')
        .split('\n')
        .filter((line) => line === id).length,
    alive: async (id) => processesOf(id).length > 0,
    async dispose() {
      // Bodies that a test left running end first: they write into the directory.
      for (const pid of processesOf('SUITE_ATTEMPT', dataDir)) process.kill(pid, 'SIGKILL');
      await eventually(async () => directory[Symbol.asyncDispose]());
      if (existsSync(directory.path)) throw new Error('the directory is still there');
    },
  };
}

/** Processes whose variables hold the text, and, when given, that work below the directory. */
export function processesOf(text: string | AttemptId, below?: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readProc(pid, 'environ').includes(text) && !/^State:\s+Z/m.test(readProc(pid, 'status')))
    .filter((pid) => below === undefined || cwdOf(pid).startsWith(below))
    .map(Number);
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

function cwdOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
