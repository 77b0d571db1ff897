// Installs the packages that the lock file names, when they are not there yet. No installed package needed.
//
// A stamp in node_modules tells for which lock file and platform it was made. It is removed before `npm ci` starts and
// written after it ended well, so a half-made folder never carries one.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const STAMP = 'node_modules/.gofer-stamp';

/**
 * @param {{ root: string, npmCi?: (root: string) => boolean, say?: (line: string) => void }} options
 *   npmCi: runs `npm ci` and tells whether it ended well; tests give another one.
 * @returns {'present' | 'installed'}
 */
export function ensureInstalled({ root, npmCi = runNpmCi, say = (line) => console.error(line) }) {
  const wanted = stampFor(root);
  if (readText(path.join(root, STAMP)) === wanted && hasDirectPackages(root)) return 'present';
  if (installedByHand(root)) {
    writeFileSync(path.join(root, STAMP), wanted);
    return 'present';
  }
  say('Installing packages (npm ci) ...');
  rmSync(path.join(root, STAMP), { force: true });
  if (!npmCi(root)) {
    const hint =
      'npm ci failed (see above): check the network and the npm registry, then run "npm ci" here and try again.';
    throw Object.assign(new Error(hint), { hint });
  }
  writeFileSync(path.join(root, STAMP), wanted);
  return 'installed';
}

/** @param {string} root */
function stampFor(root) {
  const lock = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  // The platform belongs to it: a folder shared with a container holds the other one's native parts.
  return `${lock} ${process.platform} ${process.arch}\n`;
}

/**
 * Whether somebody ran `npm ci` or `npm install` without us: npm writes its hidden lock file as its last act, so when that
 * names every needed package in the right version the folder is complete.
 * @param {string} root
 */
function installedByHand(root) {
  const hidden = readText(path.join(root, 'node_modules/.package-lock.json'));
  if (hidden === undefined) return false;
  const seen = JSON.parse(hidden).packages;
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const complete = Object.entries(wanted).every(
    ([folder, { version, optional }]) => folder === '' || optional || seen[folder]?.version === version,
  );
  return complete && hasDirectPackages(root);
}

/**
 * Whether every package that package.json names has its folder: a cheap look that notices a folder deleted by hand.
 * @param {string} root
 */
function hasDirectPackages(root) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return Object.keys({ ...dependencies, ...devDependencies }).every((name) =>
    existsSync(path.join(root, 'node_modules', name, 'package.json')),
  );
}

/** @param {string} root */
function runNpmCi(root) {
  // Development packages are part of a clone's set-up, whatever NODE_ENV says. stdout stays free for the caller's output.
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--no-progress', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  return status === 0;
}

/** @param {string} file */
function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
