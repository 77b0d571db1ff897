// Child of objects-shared.test.ts: puts, deletes, lists and creates in a directory that others use at the same time. Tells of
// every blob that it found for good, and of everything that went wrong. Ends by being killed, or after its turns.

import { createHash } from 'node:crypto';
import { isAppError } from '../../store/model/errors.ts';
import { openFilesStore } from '../../store/objects/files/files-store.ts';

const [directory = '', name = '', turns = '0'] = process.argv.slice(2);
const store = await openFilesStore({ directory, shared: true });
process.stdout.write('ready\n');

for (let turn = 0; turn < Number(turns); turn += 1) {
  const lane = turn % 3;
  try {
    // Everybody empties and fills the same directories.
    await store.put(`busy/level/${lane}`, body(turn));
    for await (const found of store.list('busy/')) await check(found);
    await store.delete(`busy/level/${lane}`);
    await create(`once/${Math.floor(turn / 4)}/log`, turn);
  } catch (error) {
    process.stdout.write(`failed ${String(error)} ${error instanceof Error ? String(error.cause) : ''}\n`);
  }
}
await store.close();
process.stdout.write('done\n');

/** Made by whoever comes first, and the same for all from then on. */
async function create(blob: string, turn: number): Promise<void> {
  try {
    await store.put(blob, body(turn), { ifAbsent: true });
  } catch (error) {
    if (!isAppError(error, 'conflict')) throw error;
  }
  process.stdout.write(`once ${blob} ${await check(blob)}\n`);
}

/** Hash of the bytes, which are those that somebody put. */
async function check(blob: string): Promise<string> {
  try {
    const { body: bytes, sha256 } = await store.open(blob);
    const hash = createHash('sha256');
    for await (const part of bytes) hash.update(part);
    const read = hash.digest('hex');
    if (read !== sha256) process.stdout.write(`failed ${blob} is torn\n`);
    return read;
  } catch (error) {
    // Deleted in between by another.
    if (isAppError(error, 'not_found')) return '';
    throw error;
  }
}

async function* body(turn: number): AsyncGenerator<Uint8Array> {
  const text = `${name} ${turn} `;
  yield Buffer.from(text.repeat(2_000));
  yield Buffer.from(text.repeat(turn % 5));
}
