// Tells whether dist/ is as new as its sources, from names, sizes and times alone: a few milliseconds for the whole tree.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What each part of the build is made from. Anything here that changes makes that part stale. */
const SOURCES = {
  app: [
    'api',
    'cluster',
    'cmd',
    'extensions',
    'scheduler',
    'sdk',
    'store',
    '.house/build.mjs',
    'package.json',
    'package-lock.json',
  ],
  sdk: ['sdk', '.house/build.mjs', 'tsconfig.json', 'package-lock.json'],
};

const PRODUCTS = { app: ['dist/gofer.js'], sdk: ['dist/sdk/index.js', 'dist/sdk/index.d.ts'] };

/** @param {string} root @param {'app' | 'sdk'} part */
export function isBuilt(root, part) {
  const stamp = stampFile(root, part);
  return (
    PRODUCTS[part].every((file) => existsSync(path.join(root, file))) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === fingerprint(root, part)
  );
}

/**
 * Take it before a build and write it after: a file saved in between makes the build stale, as it should.
 * @param {string} root @param {'app' | 'sdk'} part
 */
export function fingerprint(root, part) {
  const hash = createHash('sha256');
  for (const source of SOURCES[part]) addFile(hash, path.join(root, source));
  // The commit is part of what the executable says about itself.
  if (part === 'app') hash.update(headCommit(root));
  return hash.digest('hex');
}

/** @param {string} root @param {'app' | 'sdk'} part @param {string} print */
export function writeStamp(root, part, print) {
  mkdirSync(path.join(root, 'dist'), { recursive: true });
  writeFileSync(stampFile(root, part), print);
}

/**
 * The commit that HEAD names, read without starting git; 'unknown' in a tree that has none.
 * @param {string} root
 */
export function headCommit(root) {
  const git = path.join(root, '.git');
  try {
    const head = readFileSync(path.join(git, 'HEAD'), 'utf8').trim();
    if (!head.startsWith('ref: ')) return head;
    const ref = head.slice('ref: '.length);
    if (existsSync(path.join(git, ref))) return readFileSync(path.join(git, ref), 'utf8').trim();
    const packed = readFileSync(path.join(git, 'packed-refs'), 'utf8');
    return (
      packed
        .split('\n')
        .find((line) => line.endsWith(` ${ref}`))
        ?.split(' ')[0] ?? 'unknown'
    );
  } catch {
    // No repository, or a worktree whose .git is a file: neither may stop a build.
    return 'unknown';
  }
}

/** @param {string} root @param {string} part */
function stampFile(root, part) {
  return path.join(root, 'dist', `.${part}-stamp`);
}

/** @param {import('node:crypto').Hash} hash @param {string} file */
function addFile(hash, file) {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) return;
  if (stats.isDirectory()) {
    for (const name of readdirSync(file).sort()) {
      if (name !== 'node_modules' && name !== 'dist') addFile(hash, path.join(file, name));
    }
    return;
  }
  hash.update(`${file} ${stats.size} ${stats.mtimeMs}\n`);
}
