// `npm test`: set-up, then all tests (or those that the arguments name), then one last line with the numbers:
// `N passed, N failed`, and `, N skipped` where a part cannot be had on this machine. In CI a skipped test is a failure.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeReady } from './ready.mjs';
import { ROOT } from './root.mjs';

const NOTHING_RAN = { passed: 0, failed: 1, skipped: 0, flaky: [], failures: [] };
/** As many as can be taken in at once; the reporter above them has all. */
const FAILURES_SAID = 30;

process.exitCode = await main(process.argv.slice(2));

/** @param {readonly string[]} args */
async function main(args) {
  let counts;
  try {
    await makeReady({ build: true });
    await ensure('Docker', 'test/docker/ensure-docker.mjs');
    await ensure('etcd, HAProxy and the other tools', 'test/ensure-tools.mjs');
    counts = await runVitest(args);
  } catch (error) {
    console.error(error.hint ?? error);
    counts = NOTHING_RAN;
  }
  const failed = counts.failed + (isCi() ? counts.skipped : 0);
  for (const name of counts.flaky) console.error(`Passed only on a retry, which counts as failed: ${name}`);
  for (const failure of counts.failures.slice(0, FAILURES_SAID)) console.error(`Failed: ${failure}`);
  if (failed > counts.failed)
    console.error(`${counts.skipped} skipped: in CI every test must run, so they count as failed.`);
  console.log(summary({ ...counts, failed }));
  return failed > 0 ? 1 : 0;
}

function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/**
 * Without it the tests that need it are skipped on a developer's machine; in CI that is an error.
 * @param {string} what @param {string} script
 */
async function ensure(what, script) {
  if (!existsSync(path.join(ROOT, script))) return;
  const code = await run(process.execPath, [path.join(ROOT, script)], process.env);
  if (code !== 0 && isCi())
    throw Object.assign(new Error(), { hint: `Needed in CI and not to be had (see above): ${what}.` });
}

/** @param {readonly string[]} args */
async function runVitest(args) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gofer-test-'));
  const file = path.join(folder, 'counts.json');
  const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${path.join(ROOT, '.house/count-reporter.mjs')}`];
  try {
    const code = await run(process.execPath, [vitest, 'run', ...reporters, ...args], {
      ...process.env,
      GOFER_TEST_COUNTS: file,
    });
    const counts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : NOTHING_RAN;
    // Vitest may know of a failure that belongs to no test, such as a filter that matches no file.
    return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} command @param {readonly string[]} args @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} the exit code; 1 for a signal
 */
function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: 'inherit' });
    // Ctrl-C reaches the child as well: wait for it, so that the last line stays the last.
    const wait = () => {};
    process.on('SIGINT', wait);
    child.on('error', reject);
    child.on('exit', (code) => {
      process.off('SIGINT', wait);
      resolve(code ?? 1);
    });
  });
}

function isCi() {
  return Boolean(process.env.CI) && process.env.CI !== 'false' && process.env.CI !== '0';
}
