// `npm run check`: everything that a machine can judge without running the program. Each step prints one line with its
// result and its time; what a failed step says follows. All steps run, whatever the others found.
//
// `npm run check -- lint types` runs only the named steps.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { makeReady } from './ready.mjs';
import { ROOT } from './root.mjs';

/** Two steps at a time: more would only share the processors of a small machine. */
const AT_ONCE = 2;

/** The longest first, so that the end is not spent waiting for one step alone. */
const STEPS = [
  { name: 'lint', script: '.house/lint.mjs', args: [] },
  { name: 'types', script: 'node_modules/typescript/bin/tsc', args: ['-p', '.'] },
  { name: 'format', script: 'node_modules/prettier/bin/prettier.cjs', args: ['--check', '--log-level', 'warn', '.'] },
  { name: 'arrows', script: '.house/arrows.mjs', args: [] },
  { name: 'unused', script: 'node_modules/knip/bin/knip.js', args: ['--no-progress'] },
  { name: 'tree', script: '.house/tree.mjs', args: [] },
];

process.exitCode = await main(process.argv.slice(2));

/** @param {readonly string[]} names */
async function main(names) {
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`No such step: ${unknown.join(', ')}. There are: ${STEPS.map(({ name }) => name).join(', ')}.`);
    return 1;
  }
  try {
    await makeReady({ build: false });
  } catch (error) {
    console.error(error.hint ?? error);
    return 1;
  }
  const waiting = STEPS.filter(({ name }) => names.length === 0 || names.includes(name));
  const failed = [];
  const worker = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      if (!(await passes(step))) failed.push(step.name);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failed.length > 0) console.log(`\nFailed: ${failed.join(', ')}. One alone: npm run check -- ${failed[0]}`);
  return failed.length > 0 ? 1 : 0;
}

/** @param {(typeof STEPS)[number]} step */
async function passes({ name, script, args }) {
  const start = performance.now();
  const { code, text } = await output(path.join(ROOT, script), args);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(7)} ${seconds.padStart(5)} s`);
  if (code !== 0) console.log(text.trimEnd().replace(/^/gm, '    '));
  return code === 0;
}

/**
 * @param {string} script @param {readonly string[]} args
 * @returns {Promise<{ code: number, text: string }>}
 */
function output(script, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const parts = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, text: Buffer.concat(parts).toString() }));
  });
}
