// `npm test` ends with one line of numbers, whatever happened, and its exit code agrees with it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { houseCopy } from './house-copy.ts';
import type { HouseCopy } from './house-copy.ts';

/** Tests that the small repository holds. */
const FILES = {
  good: "test('one', () => {});\ntest('two', () => {});",
  bad: "test('one', () => {});\ntest('two', () => expect(1).toBe(2));",
  skipping: "test('one', () => {});\ntest.skipIf(true)('two', () => {});",
  lucky: "let tries = 0;\ntest('one', { retry: 2 }, () => expect(++tries).toBe(2));",
  broken: "import './not-there.ts';\ntest('one', () => {});",
  hooked: "beforeAll(() => { throw new Error('no'); });\ntest('one', () => {});",
  loose: "test('one', () => { void Promise.reject(new Error('nobody waits')); });",
};

let house: HouseCopy;

beforeAll(async () => {
  house = await houseCopy({ packages: 'real' });
  // There has to be something to build.
  await house.write('cmd/main.ts', 'export {};\n');
  for (const [name, text] of Object.entries(FILES)) {
    await house.write(`test/${name}.test.ts`, `import { beforeAll, expect, test } from 'vitest';\n${text}\n`);
  }
});

afterAll(() => house[Symbol.asyncDispose]());

test.each([
  { what: 'all is well', name: 'good', wanted: '2 passed, 0 failed' },
  { what: 'one fails', name: 'bad', wanted: '1 passed, 1 failed' },
  { what: 'one is skipped on a machine of somebody', name: 'skipping', wanted: '1 passed, 0 failed, 1 skipped' },
  { what: 'one is skipped in CI', name: 'skipping', ci: true, wanted: '1 passed, 1 failed, 1 skipped' },
  { what: 'one passes only when it is repeated', name: 'lucky', wanted: '0 passed, 1 failed' },
  { what: 'a file cannot be loaded', name: 'broken', wanted: '0 passed, 1 failed' },
  { what: 'a failure belongs to no test', name: 'loose', wanted: '1 passed, 1 failed' },
  { what: 'nothing is found', name: 'nothing-of-this-name', wanted: '0 passed, 1 failed' },
])('npm test: when $what it ends with "$wanted"', async ({ name, ci = false, wanted }) => {
  const { code, lines } = await house.node(['.house/test.mjs', `test/${name}.test.ts`], { ci });
  expect(lines.at(-1)).toBe(wanted);
  expect(code).toBe(wanted.includes(' 0 failed') ? 0 : 1);
});

test('npm test: a hook that fails takes its tests along', async () => {
  const { code, lines } = await house.node(['.house/test.mjs', 'test/hooked.test.ts']);
  expect(lines.at(-1)).toMatch(/^0 passed, [1-9] failed/);
  expect(code).toBe(1);
});

test('npm test: packages that cannot be had are told, and count as a failure', async () => {
  await using bare = await houseCopy({ packages: 'none' });
  const { code, lines } = await bare.node(['.house/test.mjs']);
  expect(lines.slice(-2)).toEqual([expect.stringMatching(/^npm ci failed .* run "npm ci" here/), '0 passed, 1 failed']);
  expect(code).toBe(1);
});
