// Tests run from the sources, two files at a time, each in its own process. No retries: a test that passes only
// sometimes is a failing test.

import { defineConfig } from 'vitest/config';
import { buildInfo } from './.house/build.mjs';

export default defineConfig({
  define: buildInfo(),
  // Lowers `await using`, which Node 20 does not parse.
  oxc: { target: 'es2022' },
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    allowOnly: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A server that does not stop must not hold up the whole suite.
    teardownTimeout: 10_000,
  },
});
