// Runs a TypeScript file of the tests as a process of its own, for tests that kill it. It is bundled first, since Node 20
// does not read TypeScript; the bundle lies below node_modules so that native packages are found.

import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';

const BUNDLES = join(import.meta.dirname, '..', 'node_modules', '.cache', 'gofer-test');

const REQUIRE_BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

export interface ChildScript extends AsyncDisposable {
  /** Starts the script; its standard error goes to the test's. */
  start(...parameters: readonly string[]): RunningScript;
}

export interface RunningScript {
  readonly process: ChildProcessByStdio<null, Readable, null>;
  /** Lines of standard output, as they come. */
  readonly lines: AsyncIterable<string>;
  /** Ends it with SIGKILL unless it has ended, and waits until it is gone. */
  kill(): Promise<void>;
}

/** `file` is relative to test/. */
export async function childScript(file: string): Promise<ChildScript> {
  const bundle = join(BUNDLES, `${randomUUID()}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, file)],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['lmdb'],
    // CommonJS packages in it ask for Node's own modules.
    banner: { js: REQUIRE_BANNER },
    logLevel: 'warning',
  });
  return {
    start: (...parameters) => startScript([bundle, ...parameters]),
    [Symbol.asyncDispose]: () => rm(bundle, { force: true }),
  };
}

function startScript(parameters: readonly string[]): RunningScript {
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    process: child,
    lines: createInterface({ input: child.stdout }),
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
