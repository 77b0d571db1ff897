// What a node remembers of its cluster over restarts, in a small file of its data directory: it is how a node notices that it was
// sent to another cluster, or that the store was put back to an old backup.

import { readFile } from 'node:fs/promises';
import type { LocalMemory, Remembered } from '../../cluster/join.ts';
import { AppError, errorText } from '../../store/model/errors.ts';
import { replaceFile } from './small-file.ts';

export function createLocalMemory(file: string): LocalMemory {
  let writing: Promise<void> = Promise.resolve();
  return {
    place: file,
    read: () => read(file),
    write: (remembered) => {
      // One after the other: two would use the same temporary file.
      writing = writing.catch(() => undefined).then(() => replaceFile(file, `${JSON.stringify(remembered)}\n`));
      return writing;
    },
  };
}

/** A node alone has its state and its memory on one disk: there is nothing to compare. */
export function createNoMemory(): LocalMemory {
  return { place: '', read: () => Promise.resolve(null), write: () => Promise.resolve() };
}

async function read(file: string): Promise<Remembered | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw unusable(file, errorText(error));
  }
  const remembered = parse(text);
  if (remembered === null) throw unusable(file, 'it is damaged');
  return remembered;
}

function parse(text: string): Remembered | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { clusterId, highestRevision, highestTerm } = { clusterId: '', highestRevision: -1, highestTerm: -1, ...value };
  if (typeof clusterId !== 'string' || clusterId === '') return null;
  if (!Number.isSafeInteger(highestRevision) || highestRevision < 0) return null;
  if (!Number.isSafeInteger(highestTerm) || highestTerm < 0) return null;
  return { clusterId, highestRevision, highestTerm };
}

function unusable(file: string, why: string): AppError {
  return new AppError(
    'invalid',
    `What this node remembers of its cluster cannot be read (${file}: ${why}). If the node belongs to the cluster that the ` +
      'settings name, delete the file.',
  );
}
