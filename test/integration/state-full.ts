// Child of state-faults.test.ts: fills the store until the disk takes no more, which `ulimit -f` stands for, then makes room by
// deleting, and goes on. Says what it met as one line of JSON; ends by itself.

import { spawn } from 'node:child_process';
import { isAppError } from '../../store/model/errors.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import type { Transaction } from '../../store/state/port.ts';

/** Blocks of 512 or 1,024 bytes, as the shell has it: room for some hundred pages. */
const FILE_BLOCKS_MAX = 4_000;
const REFUSALS = 5;

const [directory = '', isLimited = ''] = process.argv.slice(2);
if (isLimited === '') limitItself();
else await fill();

function limitItself(): void {
  const [script = ''] = process.argv.slice(1);
  const command = `ulimit -f ${FILE_BLOCKS_MAX}; exec "$@"`;
  spawn('sh', ['-c', command, 'sh', process.execPath, script, directory, 'limited'], { stdio: 'inherit' });
}

async function fill(): Promise<void> {
  // Exceeding the limit is then an error of the write, as a full disk is, and not the end of the process.
  process.on('SIGXFSZ', () => undefined);
  const store = await openLmdbStore({ directory });
  const kept: string[] = [];
  const outcomes = new Set<unknown>();

  async function tryWrite(write: Transaction['writes'][number]): Promise<boolean> {
    try {
      await store.commit({ compares: [], writes: [write] });
      return true;
    } catch (error) {
      outcomes.add(isAppError(error, 'unavailable') ? error.outcome : error);
      return false;
    }
  }

  for (let number = 0, refused = 0; refused < REFUSALS; number++) {
    const key = `k${String(number).padStart(5, '0')}`;
    if (await tryWrite({ op: 'put', key, value: 'x'.repeat(50_000) })) kept.push(key);
    else refused++;
  }
  const whenFull = kept.length;
  const isReadable = (await store.get(kept[0] ?? ''))?.value.length === 50_000;
  const removed = kept.splice(0, whenFull / 2);
  const deletes = await Promise.all(removed.map((key) => tryWrite({ op: 'delete', key })));
  // LMDB gives pages out again one commit after the one that freed them, so the first of these may still be refused.
  for (const key of ['later-1', 'later-2', 'later-3']) {
    if (await tryWrite({ op: 'put', key, value: 'x'.repeat(50_000) })) kept.push(key);
  }
  const isRoomMade = deletes.every(Boolean) && kept.includes('later-2') && kept.includes('later-3');
  process.stdout.write(`${JSON.stringify({ kept, whenFull, isReadable, isRoomMade, outcomes: [...outcomes] })}\n`);
  await store.close();
}
