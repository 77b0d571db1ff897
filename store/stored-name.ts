// The rule for names of blobs and of secret values (store/objects/port.ts). Our own code makes them, so a name that breaks
// the rule is a mistake of ours; it is checked all the same, because a name becomes a path on a disk.

import { AppError } from './model/errors.ts';

const NAME_CHARACTERS_MAX = 900;
const SEGMENT = /^[A-Za-z0-9._%-]+$/;

/** The parts of a name; throws 'invalid' on a name that could leave its place or that is not ours. */
export function nameSegments(name: string): readonly string[] {
  const segments = name.split('/');
  if (name.length > NAME_CHARACTERS_MAX || !segments.every(isSegment)) {
    throw new AppError('invalid', 'A stored name is not valid.', { detail: JSON.stringify(name.slice(0, 100)) });
  }
  return segments;
}

/** "." and ".." mean something else to a file system. */
export function isSegment(text: string): boolean {
  return SEGMENT.test(text) && text !== '.' && text !== '..';
}
