// `npm run simulate`: bundles the simulation, since Node 20 reads no TypeScript, and runs it.

import { build } from 'esbuild';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Below node_modules, so that packages which are not bundled are found. */
const FOLDER = path.join(HERE, '..', '..', 'node_modules', '.cache', 'gofer-simulation');

mkdirSync(FOLDER, { recursive: true });
const outfile = path.join(FOLDER, `${process.pid}.mjs`);
await build({
  entryPoints: [path.join(HERE, 'main.ts')],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
await import(pathToFileURL(outfile).href);
