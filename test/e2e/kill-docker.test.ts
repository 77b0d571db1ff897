// The Docker engine under kill -9. Witness: the daemon's own event stream, which tells of every start of a container and which
// this test reads beside the server, from before its first start to the end.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseDockerHost } from '../../scheduler/engines/docker/address.ts';
import { createDockerClient } from '../../scheduler/engines/docker/client.ts';
import { parseAttemptId } from '../../store/model/ids.ts';
import { clearDaemon, openStartLog } from '../docker/daemon-probe.ts';
import type { StartLog } from '../docker/daemon-probe.ts';
import { ensureDocker, REVIVED, TEST_IMAGE } from '../docker/ensure-docker.mjs';
import { temporaryDirectory } from '../temporary-directory.ts';
import { killRounds } from './kill-rounds.ts';
import type { Witness } from './kill-rounds.ts';

const KILLS = 30;
const LIMIT_MS = 420_000;

/**
 * A daemon that locked itself up (moby/moby#46661; nothing can be started in it any more, by nobody) is replaced, and only then is
 * the test run again: its witness is gone, and its bodies cannot end.
 */
const daemonWasStuck = () =>
  spawnSync(process.execPath, ['test/docker/ensure-docker.mjs', '--revive']).status === REVIVED;

test(
  'docker engine: 30 kills -9 of the server in graphs of 20 tasks: every body ran once, every run ended, every line is there',
  { timeout: LIMIT_MS, retry: { count: 2, condition: daemonWasStuck } },
  async () => {
    expect.hasAssertions();
    const { dockerHost } = await ensureDocker();
    const client = createDockerClient({ address: parseDockerHost(dockerHost) });
    const log = await openStartLog(client);
    const pipelineId = `kill-${randomBytes(6).toString('hex')}`;
    await using directory = await temporaryDirectory();
    try {
      await killRounds({
        engine: 'docker',
        dataDir: path.join(directory.path, 'data'),
        pipelineId,
        witness: startEvents(log, pipelineId),
        kills: KILLS,
        task: (id, parents) => ({
          id,
          image: TEST_IMAGE,
          depends_on: Object.fromEntries(parents.map((parent) => [parent, 'Success'])),
          command: ['/bin/sh', '-c', 'echo "body of $GOFER_RUN_ID $GOFER_TASK_ID"'],
        }),
      });
    } finally {
      await clearDaemon(client, `io.gofer.pipeline=${pipelineId}`);
      await client.close();
      await log.over;
    }
  },
);

/** Starts of containers of this pipeline, which no other test has: under whichever installation they were made. */
function startEvents(log: StartLog, pipelineId: string): Witness {
  const names = () =>
    log.starts.flatMap((attempt) => {
      const key = parseAttemptId(attempt);
      return key?.pipelineId === pipelineId ? [`${key.runId}-${key.taskId}`] : [];
    });
  return {
    seen: async () => new Set(names()).size,
    starts: async () => {
      await log.caughtUp();
      const counts = new Map<string, number>();
      for (const name of names()) counts.set(name, (counts.get(name) ?? 0) + 1);
      return counts;
    },
  };
}
