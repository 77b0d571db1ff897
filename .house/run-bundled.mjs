// Runs a TypeScript program of chaos/, which no release contains: `node .house/run-bundled.mjs chaos/local-cluster/try-it.ts [arguments]`.
// It is bundled into dist/chaos/ and then loaded into this process, so that a signal meets it and nothing in between.

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './root.mjs';

const [source, ...args] = process.argv.slice(2);
process.setSourceMapsEnabled(true);
const program = await bundled(source);
process.argv = [process.argv[0], program, ...args];
await import(pathToFileURL(program).href);

/** @param {string} file relative to the root @returns {Promise<string>} the bundle */
async function bundled(file) {
  // Loaded only now: in a bare clone neither was there when this script started.
  const [{ build }, { buildInfo, FOR_NODE }] = await Promise.all([import('esbuild'), import('./build.mjs')]);
  const outfile = path.join(ROOT, 'dist/chaos', `${path.basename(file, '.ts')}.mjs`);
  await build({
    ...FOR_NODE,
    write: true,
    define: buildInfo(),
    entryPoints: [path.join(ROOT, file)],
    outfile,
  });
  return outfile;
}
