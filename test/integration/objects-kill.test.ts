// The object store on a directory under kill -9 of the process that writes.

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFilesStore } from '../../store/objects/files/files-store.ts';
import { childScript } from '../child-script.ts';
import { readAll } from '../conformance/objects-world.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { blobOfTurn, turnOfBlob } from './objects-writer-blob.ts';

const KILLS = 12;
/** The writer may go on by a few turns between its last line and its death. */
const UNSEEN_TURNS = 50;

test('kill -9 at any point of a put leaves the old blob or the new one, whole, and never an older one', async () => {
  await using directory = await temporaryDirectory();
  await using script = await childScript('integration/objects-writer.ts');
  let seen: Seen = { acknowledged: 0, begun: 0 };
  for (let kill = 0; kill < KILLS; kill += 1) {
    const writer = script.start(directory.path, String(seen.begun + UNSEEN_TURNS));
    // In the middle of a put every other time, else around its end: 1 to 9 lines from the start.
    let linesLeft = 1 + ((kill * 5) % 9);
    for await (const line of writer.lines) {
      const [word = '', turn = ''] = line.split(' ');
      seen = { ...seen, [word]: Number(turn) };
      linesLeft -= 1;
      if (linesLeft === 0) await writer.kill();
    }
    await checkAfterKill(directory.path, seen);
  }
});

/** Turns that the writer has said to be at work on, or to have done. */
interface Seen {
  readonly acknowledged: number;
  readonly begun: number;
}

/** Opens the store as the next process would. */
async function checkAfterKill(directory: string, { acknowledged, begun }: Seen): Promise<void> {
  const store = await openFilesStore({ directory });
  expect(await readdir(join(directory, 'incoming'))).toEqual([]);
  const info = await store.stat('run/1/log');
  if (info === null) {
    expect(acknowledged).toBe(0);
  } else {
    const bytes = await readAll(store, 'run/1/log');
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(info.sha256);
    const turn = turnOfBlob(bytes);
    expect(blobOfTurn(turn).equals(bytes)).toBe(true);
    expect(turn).toBeGreaterThanOrEqual(acknowledged);
    expect(turn).toBeLessThan(begun + UNSEEN_TURNS);
  }
  await store.close();
}
