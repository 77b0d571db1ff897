// ESLint over the tree, and over the canary files in .house/canary/lint. Each of those says in its first lines which rules
// must report it (`// expects: rule rule`); a rule that stays silent there fails the check.

import { ESLint } from 'eslint';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './root.mjs';

const CANARY = '.house/canary/lint';

const results = await new ESLint({ cwd: ROOT }).lintFiles(['.']);
const formatter = await new ESLint({ cwd: ROOT }).loadFormatter('stylish');
const text = await formatter.format(results);
if (text) console.log(text);

const silent = await silentRules();
for (const line of silent) console.log(line);
const faults = results.some(({ errorCount, warningCount }) => errorCount + warningCount > 0) || silent.length > 0;
process.exitCode = faults ? 1 : 0;

async function silentRules() {
  // Without the ignore list, since that is what keeps the canary out of the normal run.
  const canary = await new ESLint({ cwd: ROOT, ignore: false }).lintFiles([`${CANARY}/**/*.ts`]);
  if (canary.length === 0) return [`canary: no file in ${CANARY}`];
  return canary.flatMap(({ filePath, messages }) => {
    const seen = new Set(messages.map(({ ruleId }) => ruleId));
    return expectedRules(filePath)
      .filter((rule) => !seen.has(rule))
      .map((rule) => `canary: ${rule} did not report ${path.relative(ROOT, filePath)}`);
  });
}

/** @param {string} file */
function expectedRules(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('// expects: '))
    .flatMap((line) => line.slice('// expects: '.length).split(' '));
}
