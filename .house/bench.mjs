// `npm run bench [-- --smoke] [name ...]`: the machine's raw limits, then the figures of each test/bench/*.bench.ts with the
// budget beside them where there is one. Benches run one after the other, each in a process of its own.
//
// It fails on errors, never on times: a slow machine is no fault, and who reads the table sees a missed budget.

import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { rawLimits } from './bench-raw.mjs';
import { renderRows } from './bench-table.mjs';
import { makeReady } from './ready.mjs';
import { ROOT } from './root.mjs';

const FOLDER = 'test/bench';
const SUFFIX = '.bench.ts';

/** A bench that takes longer hangs: the slowest full one needs about two minutes. */
const BENCH_MAX_MS = 15 * 60_000;
const SMOKE_MAX_MS = 2 * 60_000;

process.exitCode = await main();

async function main() {
  const { values, positionals } = parseArgs({
    options: { smoke: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const all = benchNames();
  const unknown = positionals.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    console.error(`No such bench: ${unknown.join(', ')}. There are: ${all.join(', ')}.`);
    return 1;
  }
  try {
    await makeReady({ build: true });
  } catch (error) {
    console.error(error.hint ?? error);
    return 1;
  }
  printRows(`the machine (${values.smoke ? 'smoke: too short to judge by' : 'raw limits'})`, await rawLimits(values));
  const failed = [];
  for (const name of positionals.length > 0 ? positionals : all) {
    try {
      printRows(name, await runBench(name, values));
    } catch (error) {
      console.log(`\n${name}\n  FAILED: ${error.message}`);
      failed.push(name);
    }
  }
  if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : 0;
}

function benchNames() {
  const files = readdirSync(path.join(ROOT, FOLDER)).filter((file) => file.endsWith(SUFFIX));
  return files.map((file) => file.slice(0, -SUFFIX.length)).sort();
}

/** @param {string} title @param {readonly import('./bench-table.mjs').Row[]} rows */
function printRows(title, rows) {
  console.log(`\n${title}\n${renderRows(rows)}`);
}

/** @param {string} name @param {{ smoke: boolean }} options */
async function runBench(name, { smoke }) {
  // Loaded only now: in a bare clone neither was there when this script started.
  const [{ build }, { buildInfo, FOR_NODE }] = await Promise.all([import('esbuild'), import('./build.mjs')]);
  const outfile = path.join(ROOT, 'dist/bench', `${name}.mjs`);
  await build({
    ...FOR_NODE,
    write: true,
    define: buildInfo(),
    plugins: [{ name: 'house', setup: leaveHouse }],
    stdin: { contents: programOf(name), resolveDir: path.join(ROOT, FOLDER), sourcefile: `${name}-program.ts` },
    outfile,
  });
  return rowsOf(outfile, { smoke });
}

/**
 * What lies in this folder knows the tree by its own place, so it is not bundled to another one.
 * @param {import('esbuild').PluginBuild} build
 */
function leaveHouse(build) {
  build.onResolve({ filter: /[/][.]house[/]/ }, (found) => {
    return { path: path.resolve(found.resolveDir, found.path), external: true };
  });
}

/**
 * Runs the one bench that the file exports and hands its rows to the parent.
 * @param {string} name
 */
function programOf(name) {
  return `
    import * as exported from './${name}${SUFFIX}';
    const benches = Object.entries(exported).filter(([key]) => key.endsWith('Bench'));
    if (benches.length !== 1) throw new Error('${name}${SUFFIX} must export one function named ...Bench');
    const rows = await benches[0][1]({ smoke: process.argv.includes('--smoke') });
    process.send(rows, () => process.exit(0));
  `;
}

/**
 * @param {string} file @param {{ smoke: boolean }} options
 * @returns {Promise<import('./bench-table.mjs').Row[]>}
 */
function rowsOf(file, { smoke }) {
  const limit = smoke ? SMOKE_MAX_MS : BENCH_MAX_MS;
  return new Promise((resolve, reject) => {
    const child = fork(file, smoke ? ['--smoke'] : [], { cwd: ROOT, execArgv: ['--enable-source-maps'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), limit);
    let rows;
    child.on('message', (message) => (rows = message));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (code === 0 && rows) resolve(rows);
      else if (signal === 'SIGKILL') reject(new Error(`ended by SIGKILL (the limit is ${limit / 60_000} minutes)`));
      else reject(new Error(code === 0 ? 'it ended without figures' : `exit status ${code ?? signal} (see above)`));
    });
  });
}
