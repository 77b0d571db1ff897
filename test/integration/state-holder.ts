// Child of state-kill.test.ts: opens the store, says how that went, and stays until it is killed.

import { isAppError } from '../../store/model/errors.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';

const [directory = ''] = process.argv.slice(2);
try {
  await openLmdbStore({ directory });
  process.stdout.write('holds\n');
} catch (error) {
  process.stdout.write(`${isAppError(error) ? error.code : String(error)}\n`);
}
setInterval(() => undefined, 60_000);
