// `npm run simulate`: bundles the simulation, since Node 20 reads no TypeScript, and runs it. Also called by the tests.

import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Below node_modules, so that packages which are not bundled are found. */
const FOLDER = path.join(HERE, '..', '..', 'node_modules', '.cache', 'gofer-simulation');

const bundle = path.join(FOLDER, `${randomUUID()}.mjs`);
try {
  await build({
    entryPoints: [path.join(HERE, 'main.ts')],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  });
  process.exitCode = await run(process.argv.slice(2));
} finally {
  await rm(bundle, { force: true });
}

/** @param {readonly string[]} parameters */
function run(parameters) {
  const child = spawn(process.execPath, [bundle, ...parameters], { stdio: 'inherit' });
  const pass = (signal) => child.kill(signal);
  process.on('SIGINT', pass);
  process.on('SIGTERM', pass);
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}
