// Child of the state store's crash tests: several writers commit one numbered step after the other, each step in three keys and
// a counter, and tell of each acknowledged one. Ends by being killed.
//
// With a second parameter, strace kills the process at that fdatasync from now on.

import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import { attachStrace } from './strace.ts';
import { counterKey, STATE_WRITERS, stepKeys } from './state-writer-keys.ts';

const [directory = '', killAtSync = ''] = process.argv.slice(2);
const store = await openLmdbStore({ directory });

async function writeSteps(writer: number): Promise<never> {
  const last = await store.get(counterKey(writer));
  for (let step = Number(last?.value ?? 0) + 1; ; step++) {
    const value = String(step);
    const keys = [...stepKeys(writer, step), counterKey(writer)];
    await store.commit({ compares: [], writes: keys.map((key) => ({ op: 'put', key, value })) });
    process.stdout.write(`${writer} ${step}\n`);
  }
}

if (killAtSync !== '')
  await attachStrace(['-e', 'trace=fdatasync', '-e', `inject=fdatasync:signal=SIGKILL:when=${killAtSync}`]);
await Promise.all(Array.from({ length: STATE_WRITERS }, (_, writer) => writeSteps(writer)));
