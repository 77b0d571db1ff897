// Child of state-faults.test.ts: commits, has strace make system calls fail, and commits again. Says as lines of JSON, the last of
// which counts, which commits were acknowledged and how the others failed; ends by itself.

import { isAppError } from '../../store/model/errors.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import { attachStrace } from './strace.ts';

const [directory = '', ...straceOptions] = process.argv.slice(2);
const store = await openLmdbStore({ directory });
const acknowledged: string[] = [];
const failed: [string, unknown][] = [];

async function write(key: string): Promise<void> {
  try {
    await store.commit({ compares: [], writes: [{ op: 'put', key, value: 'x'.repeat(20_000) }] });
    acknowledged.push(key);
  } catch (error) {
    failed.push([key, isAppError(error, 'unavailable') ? error.outcome : String(error)]);
  }
}

let isReadable = true;
/** After each step, so that what was acknowledged is known whatever becomes of this process. */
const tell = () => process.stdout.write(`${JSON.stringify({ acknowledged, failed, isReadable })}\n`);

await write('before');
tell();
const detach = await attachStrace(straceOptions);
for (let number = 1; number <= 8; number++) {
  await write(`during-${number}`);
  tell();
}
isReadable = (await store.get('before')) !== null;
await detach();
for (const key of ['after-1', 'after-2']) await write(key);
tell();
await store.close();
