// The deterministic simulation of several nodes, see chaos/simulation. Each test runs it as a program, as `npm run simulate` does: the
// globals of a simulated world must not reach the tests.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { MUTATIONS } from '../../chaos/simulation/mutations.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** On two quiet cores the seeds take about five minutes; a machine that does other things besides needs more. */
const SEEDS_MAX_MS = 25 * 60_000;
const MUTATION_MAX_MS = 3 * 60_000;

async function simulate(...options: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  const script = ['.house/run-bundled.mjs', 'chaos/simulation/simulate.ts', ...options];
  const child = spawn(process.execPath, script, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const code = new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 1)));
  const output = await text(child.stdout);
  return { code: await code, output };
}

test('one seed gives one history', async () => {
  const [first, second] = [await simulate('--seed', '7', '--trace'), await simulate('--seed', '7', '--trace')];
  expect(first.output).toContain('leading');
  expect(second.output).toBe(first.output);
});

test('what once broke a promise does so no more', async () => {
  const { code, output } = await simulate('--plans', 'test/golden/simulation-plans.json');
  expect(output).not.toContain('BAD');
  expect(output).toContain('good');
  expect(code).toBe(0);
});

test(
  'no promise is broken in 10,000 histories',
  async () => {
    // The same ones each time: a change of the code is failed by what it breaks. By hand, without --from, each build gets fresh ones.
    const { code, output } = await simulate('--seeds', '10000', '--from', '1');
    expect(output).not.toContain('BROKE');
    expect(code).toBe(0);
  },
  SEEDS_MAX_MS,
);

describe('a guard that is taken away is missed', () => {
  test.each(MUTATIONS.map(({ name, sentence }) => ({ name, sentence })))(
    '$name: $sentence',
    async ({ name }) => {
      const { code, output } = await simulate('--mutation', name, '--find');
      process.stdout.write(output);
      expect(output).not.toContain('NOT FOUND');
      expect(code).toBe(0);
    },
    MUTATION_MAX_MS,
  );
});
