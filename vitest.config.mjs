// Tests run from the sources, two files at a time, each in its own process. No retries: a test that passes only
// sometimes is a failing test.

import { defineConfig } from 'vitest/config';
import { buildInfo } from './.house/build.mjs';

/** End-to-end tests that know a server by its API alone: they run a second time, unchanged, against three nodes behind HAProxy. */
const ALSO_ON_A_CLUSTER = ['bad-input', 'cli', 'cli-data', 'cli-follow', 'examples', 'stop-and-start'];

const SIMULATION = 'test/simulation/**/*.test.ts';

export default defineConfig({
  define: buildInfo(),
  // Lowers `await using`, which Node 20 does not parse.
  oxc: { target: 'es2022' },
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    allowOnly: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A server that does not stop must not hold up the whole suite.
    teardownTimeout: 10_000,
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'], exclude: [SIMULATION] } },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: ALSO_ON_A_CLUSTER.map((name) => `test/e2e/${name}.test.ts`),
          env: { GOFER_TEST_CLUSTER: '1' },
          // Each file has a cluster of its own: three nodes, three members of etcd, HAProxy, all to be started first.
          testTimeout: 90_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      // Has every core for itself: what it looks through in a given time is its strength.
      { extends: true, test: { name: 'simulation', include: [SIMULATION], sequence: { groupOrder: 2 } } },
    ],
  },
});
