// A server, a folder and pipelines for the end-to-end tests of the CLI, which is always the real executable.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { api, freePort, gofer, startServer } from './real-server.ts';
import type { CliResult } from './real-server.ts';
import type { RealServer } from './running-server.ts';

export interface CliWorld extends AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  server: RealServer;
  /** Writes the file into the folder, and answers with its path. */
  file(name: string, text: string | Uint8Array): Promise<string>;
  /** Runs the CLI in the folder. */
  run(args: readonly string[], input?: string): Promise<CliResult>;
  /** As `run`, where success is expected; answers with what was printed. */
  plain(...args: readonly string[]): Promise<string>;
  json<T>(...args: readonly string[]): Promise<T>;
  /** Registers and deploys a pipeline of shell scripts. */
  pipeline(id: string, tasks: Readonly<Record<string, Script>>): Promise<void>;
  /** Starts a run and waits for its end; answers with its number, as the CLI takes it. */
  endedRun(pipelineId: string): Promise<string>;
}

export interface Script {
  readonly script: string;
  readonly after?: Readonly<Record<string, 'Any' | 'Success' | 'Failure'>>;
  readonly retries?: number;
}

export async function aCliWorld(): Promise<CliWorld> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const work = path.join(directory.path, 'work');
  await mkdir(work);
  const server = await startServer({ dataDir: path.join(directory.path, 'data'), port, engine: 'process' });
  const world: CliWorld = {
    directory: work,
    port,
    server,
    async file(name, text) {
      const file = path.join(work, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, text);
      return file;
    },
    run: (args, input) => gofer(world.server, args, { cwd: work, ...(input === undefined ? {} : { input }) }),
    async plain(...args) {
      const { status, stdout, stderr } = await world.run(args);
      if (status !== 0) throw new Error(`gofer ${args.join(' ')} ended with ${status}: ${stderr}`);
      return stdout;
    },
    json: async <T>(...args: readonly string[]) => JSON.parse(await world.plain(...args, '--json')) as T,
    async pipeline(id, tasks) {
      const configs = `/api/namespaces/default/pipelines/${id}/configs`;
      const answer = await api(world.server, 'POST', configs, { config: documentOf(id, tasks) });
      const { pipeline } = answer.body as { readonly pipeline: { readonly config: { readonly version: number } } };
      await api(world.server, 'POST', `${configs}/${pipeline.config.version}`);
    },
    async endedRun(pipelineId) {
      const runs = `/api/namespaces/default/pipelines/${pipelineId}/runs`;
      const answer = await api(world.server, 'POST', runs, { variables: {} });
      const { run } = answer.body as { readonly run: { readonly run_id: number } };
      await eventually(async () => {
        expect((await api(world.server, 'GET', `${runs}/${run.run_id}`)).body).toMatchObject({
          run: { state: 'complete' },
        });
      });
      return String(run.run_id);
    },
    async [Symbol.asyncDispose]() {
      await world.server.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
  return world;
}

/** Starts the server of the world again, on the same port and the same data. */
export async function restartServer(world: CliWorld): Promise<void> {
  const dataDir = path.join(path.dirname(world.directory), 'data');
  world.server = await startServer({ dataDir, port: world.port, engine: 'process' });
}

function documentOf(id: string, tasks: Readonly<Record<string, Script>>): object {
  return {
    id,
    name: `The ${id}`,
    description: null,
    parallelism: 0,
    tasks: Object.entries(tasks).map(([taskId, { script, after = {}, retries }]) => ({
      id: taskId,
      image: 'none',
      depends_on: after,
      variables: {},
      command: ['/bin/sh', '-c', script],
      ...(retries === undefined ? {} : { retries: { limit: retries, backoff_seconds: 0 } }),
    })),
  };
}
