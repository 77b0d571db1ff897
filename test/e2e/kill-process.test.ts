// The process engine under kill -9. Witness: each body appends a line to a side file before anything else.

import { mkdir, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';
import { killRounds } from './kill-rounds.ts';
import type { Witness } from './kill-rounds.ts';

const KILLS = 30;

test(
  'process engine: 30 kills -9 of the server in graphs of 20 tasks: every body ran once, every run ended, every line is there',
  { timeout: 180_000 },
  async () => {
    expect.hasAssertions();
    await using directory = await temporaryDirectory();
    const witnessDir = path.join(directory.path, 'witness');
    await mkdir(witnessDir);
    await killRounds({
      engine: 'process',
      dataDir: path.join(directory.path, 'data'),
      pipelineId: 'kill-test',
      witness: sideFiles(witnessDir),
      kills: KILLS,
      task: (id, parents) => ({
        id,
        image: 'none',
        depends_on: Object.fromEntries(parents.map((parent) => [parent, 'Success'])),
        variables: { WITNESS: witnessDir },
        command: [
          '/bin/sh',
          '-c',
          'echo start >> "$WITNESS/$GOFER_RUN_ID-$GOFER_TASK_ID"; sleep 0.1; echo "body of $GOFER_RUN_ID $GOFER_TASK_ID"',
        ],
      }),
    });
  },
);

/** One file for each run and task, one line for each start. */
function sideFiles(directory: string): Witness {
  return {
    seen: async () => (await readdir(directory)).length,
    starts: async () => {
      const names = await readdir(directory);
      const counted = names.map(async (name) => {
        const text = await readFile(path.join(directory, name), 'utf8');
        return [name, text.split('\n').length - 1] as const;
      });
      return new Map(await Promise.all(counted));
    },
  };
}
