import path from 'node:path';
import { test } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';
import { killRounds } from './kill-rounds.ts';

const KILLS = 30;

test('process engine: 30 kills -9 of the server in a graph of 20 tasks: every body ran once, every run ended, every line is there', async () => {
  await using directory = await temporaryDirectory();
  const witnessDir = path.join(directory.path, 'witness');
  await killRounds({
    engine: 'process',
    dataDir: path.join(directory.path, 'data'),
    witnessDir,
    kills: KILLS,
    task: (id, parents) => ({
      id,
      image: 'none',
      depends_on: Object.fromEntries(parents.map((parent) => [parent, 'Success'])),
      variables: { WITNESS: witnessDir },
      command: [
        '/bin/sh',
        '-c',
        'echo start >> "$WITNESS/$GOFER_RUN_ID-$GOFER_TASK_ID"; sleep 0.05; echo "body of $GOFER_RUN_ID $GOFER_TASK_ID"',
      ],
    }),
  });
}, 300_000);
