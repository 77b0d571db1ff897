// Builds dist/: the one executable (gofer.js and its lazily loaded chunks), worker threads, and the SDK with its types.
//
// A server that runs from dist/ may load a chunk at any time, so a build never takes files away from under it: new files
// are renamed into place, entry points last, and old chunks stay for a day.

import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fingerprint, headCommit, writeStamp } from './build-stamp.mjs';
import { ROOT } from './root.mjs';

/** Long enough for any process started from an older build to have been restarted in a development tree. */
const OLD_CHUNK_KEEP_MS = 24 * 3_600_000;

/** Packages with native parts, or that load files beside themselves: they stay outside the bundle and are found in node_modules. */
const EXTERNAL = ['lmdb', 'esbuild', 'etcd3', '@grpc/grpc-js', '@grpc/proto-loader'];

/** Where worker threads (`*.worker.ts`) may live. Each becomes dist/<name>.worker.js beside the executable. */
const WORKER_FOLDERS = ['api', 'cluster', 'cmd', 'extensions', 'scheduler', 'store'];

/** How esbuild names a chunk. All lie beside gofer.js, so that `new URL('./x.worker.js', import.meta.url)` works in each. */
const CHUNK = /-[A-Z0-9]{8}\.js(\.map|\.LEGAL\.txt)?$/;

/** CommonJS packages inside the bundle call `require` for Node's own modules; an ES module has none by itself. */
const REQUIRE_BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/**
 * How everything that Node runs is bundled, the benches included.
 * @type {import('esbuild').BuildOptions}
 */
export const FOR_NODE = {
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: 'linked',
  legalComments: 'linked',
  logLevel: 'warning',
  external: EXTERNAL,
  banner: { js: REQUIRE_BANNER },
  write: false,
};

/** @param {{ app: boolean, sdk: boolean }} stale which parts to build */
export async function buildStale({ app, sdk }) {
  if (app) await buildPart('app', buildApp);
  if (sdk) await buildPart('sdk', buildSdk);
}

/** Versions that the code reads as GOFER_VERSION and GOFER_COMMIT; tests get the same. */
export function buildInfo() {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  return { GOFER_VERSION: JSON.stringify(version), GOFER_COMMIT: JSON.stringify(headCommit(ROOT).slice(0, 12)) };
}

/** @param {'app' | 'sdk'} part @param {() => Promise<void>} work */
async function buildPart(part, work) {
  const print = fingerprint(ROOT, part);
  try {
    await work();
  } catch (error) {
    // esbuild has already printed what is wrong and where.
    throw Object.assign(error, 'errors' in error ? { hint: 'The build failed (see above).' } : {});
  }
  writeStamp(ROOT, part, print);
}

/**
 * The executable's files, bundled and not yet written.
 * @param {import('esbuild').BuildOptions} changes such as other sources, for a test
 */
export function bundleApp(changes = {}) {
  return build({
    ...FOR_NODE,
    entryPoints: { gofer: 'cmd/main.ts', ...workers() },
    outdir: 'dist',
    chunkNames: '[name]-[hash]',
    splitting: true,
    define: buildInfo(),
    ...changes,
  });
}

async function buildApp() {
  const result = await bundleApp();
  place(result.outputFiles);
  removeOldChunks(path.join(ROOT, 'dist'), new Set(result.outputFiles.map((file) => file.path)));
}

async function buildSdk() {
  if (!existsSync(path.join(ROOT, 'sdk/index.ts'))) return;
  const result = await build({
    ...FOR_NODE,
    entryPoints: { index: 'sdk/index.ts' },
    outdir: 'dist/sdk',
  });
  place(result.outputFiles);
  // Types that do not check still come out; reporting them is the work of `npm run check`, not of a start.
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', '.house/tsconfig.sdk.json'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (!existsSync(path.join(ROOT, 'dist/sdk/index.d.ts')))
    throw new Error(`The SDK's types could not be written:\n${stdout}`);
}

/** @returns {Record<string, string>} entry name -> source */
function workers() {
  const sources = WORKER_FOLDERS.filter((folder) => existsSync(path.join(ROOT, folder))).flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.worker.ts'))
      .map((file) => path.join(folder, file)),
  );
  return Object.fromEntries(sources.map((source) => [path.basename(source, '.ts'), source]));
}

/**
 * Writes each file beside its place and renames it there. Chunks come first: an entry point never names a missing one.
 * @param {readonly import('esbuild').OutputFile[]} files
 */
function place(files) {
  const chunksFirst = [...files].sort((a, b) => Number(CHUNK.test(b.path)) - Number(CHUNK.test(a.path)));
  for (const { path: file, contents } of chunksFirst) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(`${file}.${process.pid}`, contents);
    renameSync(`${file}.${process.pid}`, file);
  }
}

/** @param {string} folder @param {ReadonlySet<string>} current */
function removeOldChunks(folder, current) {
  for (const name of readdirSync(folder).filter((candidate) => CHUNK.test(candidate))) {
    const file = path.join(folder, name);
    if (!current.has(file) && Date.now() - statSync(file).mtimeMs > OLD_CHUNK_KEEP_MS) rmSync(file, { force: true });
  }
}
