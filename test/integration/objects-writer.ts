// Child of objects-kill.test.ts: overwrites one blob again and again, each time with a longer or a shorter one, and tells of
// each put when it is at work and when it is acknowledged. Ends by being killed.

import { openFilesStore } from '../../store/objects/files/files-store.ts';
import { blobOfTurn } from './objects-writer-blob.ts';

const [directory = '', firstTurn = '1'] = process.argv.slice(2);
const store = await openFilesStore({ directory });

for (let turn = Number(firstTurn); ; turn += 1) {
  await store.put('run/1/log', body(turn));
  process.stdout.write(`acknowledged ${turn}\n`);
}

async function* body(turn: number): AsyncGenerator<Uint8Array> {
  const blob = blobOfTurn(turn);
  const half = Math.floor(blob.length / 2);
  yield blob.subarray(0, half);
  process.stdout.write(`begun ${turn}\n`);
  yield blob.subarray(half);
}
