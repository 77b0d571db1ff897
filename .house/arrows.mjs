// The import arrows: runs dependency-cruiser over the tree, and over a canary tree that breaks every rule once.
// A rule that stays silent on its canary, or has none, fails the check: silence must mean that nothing is wrong.

import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  copyFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import config from '../.dependency-cruiser.mjs';
import { BROKEN_ARROWS } from './canary/broken-arrows.mjs';
import { FOLDERS } from './folders.mjs';
import { ROOT } from './root.mjs';

const faults = [...(await brokenArrows(ROOT)), ...(await silentRules(config.forbidden))];
for (const fault of faults) console.log(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

/**
 * @param {string} root a folder that holds some of FOLDERS
 * @returns {Promise<string[]>} one line for each import that breaks a rule
 */
async function brokenArrows(root) {
  const { modules, violations } = await cruiseTree(root, config.forbidden);
  const seen = new Set(modules.filter(({ source }) => source.endsWith('.ts')).map(({ source }) => source));
  // A cruiser that cannot read TypeScript finds no fault in it either.
  const unread = sources(root).filter((file) => !seen.has(file));
  return [
    ...violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    ...unread.map((file) => `not-read: ${file} was not read by dependency-cruiser`),
  ];
}

/**
 * @param {readonly { name: string }[]} rules
 * @returns {Promise<string[]>} one line for each rule that does not bite
 */
async function silentRules(rules) {
  const root = mkdtempSync(path.join(os.tmpdir(), 'gofer-canary-'));
  try {
    plantCanary(root);
    const { violations } = await cruiseTree(root, rules);
    const reported = new Set(violations.map(({ rule, from }) => `${rule.name} ${from}`));
    // A cycle is reported once, at whichever end the cruiser came by first.
    const silent = BROKEN_ARROWS.filter(
      ({ rule, from, to }) =>
        !reported.has(`${rule} ${from}`) && !(rule === 'no-cycles' && reported.has(`${rule} ${to}`)),
    );
    const untried = rules.filter(({ name }) => !BROKEN_ARROWS.some(({ rule }) => rule === name));
    return [
      ...silent.map(({ rule, from, to }) => `canary: ${rule} did not report ${from} -> ${to}`),
      ...untried.map(({ name }) => `canary: ${name} has no broken arrow in .house/canary/broken-arrows.mjs`),
    ];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** @param {string} root */
function plantCanary(root) {
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));
  copyFileSync(path.join(ROOT, 'package.json'), path.join(root, 'package.json'));
  const files = new Map();
  for (const { from, to } of BROKEN_ARROWS) {
    const isFile = to.endsWith('.ts');
    const target = isFile ? `./${path.relative(path.dirname(from), to)}` : to;
    files.set(from, `${files.get(from) ?? ''}export * as _${files.get(from)?.length ?? 0} from '${target}';\n`);
    if (isFile && !to.includes('missing') && !files.has(to)) files.set(to, '');
  }
  for (const [file, text] of files) {
    mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(root, file), text || 'export {};\n');
  }
}

async function cruiseTree(root, forbidden) {
  const folders = FOLDERS.filter((folder) => existsSync(path.join(root, folder)));
  const options = { ...config.options, baseDir: root, validate: true, ruleSet: { forbidden } };
  const tsConfig = extractTSConfig(path.join(ROOT, 'tsconfig.json'));
  // The examples name the SDK as a user's project does.
  const alias = { 'gofer/sdk': path.join(root, 'sdk/index.ts') };
  const { output } = await cruise(folders, options, { alias }, { tsConfig });
  return { modules: output.modules, violations: output.summary.violations };
}

/** @param {string} root */
function sources(root) {
  return FOLDERS.filter((folder) => existsSync(path.join(root, folder))).flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/(^|\/)(node_modules|dist)\//.test(file))
      .map((file) => `${folder}/${file}`),
  );
}
