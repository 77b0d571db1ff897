// The object directory of a cluster is one directory, whatever each node calls it. A setting can only claim that; a mark in it, whose
// name the state store knows, shows it. Without this a node would write objects that no other node ever finds.

import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import path from 'node:path';
import { AppError, errorText } from '../../store/model/errors.ts';
import { keys } from '../../store/keys.ts';
import { objectPlaceRecord } from '../../store/records/system-records.ts';
import type { StateStore } from '../../store/state/port.ts';

const MARK = 'directory-id';

/** The first node decides which directory it is. Throws 'invalid' when this one is another. */
export async function requireOneDirectory(state: StateStore, directory: string): Promise<void> {
  const mark = await readOrMakeMark(directory);
  const key = keys.objectPlace();
  const { found } = await state.commit({
    compares: [{ target: 'create', key, equals: 0 }],
    writes: [{ op: 'put', key, value: objectPlaceRecord.encode({ mark }) }],
    readOnFailure: [key],
  });
  const [agreed] = found;
  if (agreed === undefined || objectPlaceRecord.decode(agreed.value).mark === mark) return;
  throw new AppError(
    'invalid',
    `object_store.filesystem.path: ${directory} is not the directory in which the other nodes of this cluster keep their objects ` +
      `(its file ${MARK} has another content). Mount the same directory on all nodes.`,
  );
}

/** Linked into place: of two nodes that start at once one makes the mark, and the other takes it. */
async function readOrMakeMark(directory: string): Promise<string> {
  const file = path.join(directory, MARK);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const before = await readMark(file);
    if (before !== null) return before;
    const temporary = `${file}.${randomUUID()}`;
    const handle = await open(temporary, 'wx', 0o600);
    await handle.writeFile(`${randomUUID()}\n`);
    await handle.sync();
    await handle.close();
    await link(temporary, file).catch((error: unknown) => ignore(error, 'EEXIST'));
    await unlink(temporary);
    return (await readMark(file)) ?? '';
  } catch (error) {
    throw new AppError('invalid', `object_store.filesystem.path: ${directory} cannot be used: ${errorText(error)}`);
  }
}

async function readMark(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    ignore(error, 'ENOENT');
    return null;
  }
}

function ignore(error: unknown, code: string): void {
  if (error instanceof Error && 'code' in error && error.code === code) return;
  throw error;
}
