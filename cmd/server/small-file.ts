// Small files of a node's own: replaced as a whole, so that a crash leaves the old content or the new one.

import { open, rename } from 'node:fs/promises';
import path from 'node:path';

/** Durable when it resolves. One at a time for each file. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const directory = await open(path.dirname(file), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
