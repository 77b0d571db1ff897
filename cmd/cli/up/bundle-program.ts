// Turns a TypeScript or JavaScript program into one file that Node runs. The file lies beside the program for as long as it
// runs, so that `node_modules` and paths relative to the program are found as its author expects.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildFailure, Plugin } from 'esbuild';
import { CliError } from '../cli-error.ts';

/** CommonJS code inside an ES module needs the functions that only CommonJS has. */
const REQUIRE_BANNER =
  "import { createRequire as __goferRequire } from 'node:module'; import { fileURLToPath as __goferPath } from 'node:url';" +
  'const require = __goferRequire(import.meta.url), __filename = __goferPath(import.meta.url), ' +
  "__dirname = __goferPath(new URL('.', import.meta.url));";

export interface Program extends AsyncDisposable {
  readonly file: string;
}

/** The caller disposes of the file. Throws a CliError that shows each mistake with its line. */
export async function bundleProgram(entry: string): Promise<Program> {
  const text = await bundle(entry);
  const file = path.join(path.dirname(entry), `.gofer-up-${randomBytes(6).toString('hex')}.mjs`);
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw new CliError(`Cannot write beside the program, into ${path.dirname(entry)}.`, { cause: error });
  }
  return { file, [Symbol.asyncDispose]: () => rm(file, { force: true }) };
}

async function bundle(entry: string): Promise<string> {
  // Loaded only here: it is the slowest part of the CLI to load.
  const { build, formatMessages } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [entry],
      absWorkingDir: path.dirname(entry),
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: `node${process.versions.node}`,
      packages: 'external',
      sourcemap: 'inline',
      banner: { js: REQUIRE_BANNER },
      plugins: [ownSdk(entry)],
      logLevel: 'silent',
      write: false,
    });
    return outputFiles[0]?.text ?? '';
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const messages = await formatMessages(error.errors, { kind: 'error', color: false, terminalWidth: 100 });
    throw new CliError(`${entry} cannot be compiled:\n\n${messages.join('').trimEnd()}`);
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

/** A project that has no `gofer` installed gets the SDK that came with this executable. */
function ownSdk(entry: string): Plugin {
  return {
    name: 'gofer-sdk',
    setup(build) {
      build.onResolve({ filter: /^gofer\/sdk$/ }, () =>
        isInstalled(entry) ? { external: true } : { path: ownSdkFile() },
      );
    },
  };
}

function isInstalled(entry: string): boolean {
  try {
    createRequire(entry).resolve('gofer/sdk');
    return true;
  } catch {
    return false;
  }
}

/** Beside the bundled executable, or in the source tree when it runs from there. */
function ownSdkFile(): string {
  const places = ['./sdk/index.js', '../../../sdk/index.ts'].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  const file = places.find((place) => existsSync(place));
  if (file === undefined)
    throw new CliError('The SDK that belongs to this executable is missing: install gofer again.');
  return file;
}
