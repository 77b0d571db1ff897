// Names to paths. A directory stands for each segment but the last; the blob's file carries a mark that no name can hold,
// so that blobs "a" and "a/b" exist side by side. A segment too long for a file name is kept as its head and a hash; the
// full name then stands in the blob's trailer.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isSegment, nameSegments } from '../../stored-name.ts';

/** Ends the file name of every blob; not a character of names. */
export const FILE_MARK = '@';
/** Stands between head and hash of a long segment; not a character of names. */
const LONG_MARK = '~';
/** File systems take 255 bytes; names are ASCII, so bytes are characters. */
const PLAIN_SEGMENT_MAX = 200;
const HEAD_CHARACTERS = 100;

/** Path of a blob's file; throws 'invalid' on a bad name. */
export function blobPath(root: string, name: string): string {
  return `${join(root, ...nameSegments(name).map(pathSegment))}${FILE_MARK}`;
}

function pathSegment(segment: string): string {
  if (segment.length <= PLAIN_SEGMENT_MAX) return segment;
  return `${segment.slice(0, HEAD_CHARACTERS)}${LONG_MARK}${createHash('sha256').update(segment).digest('hex')}`;
}

/** Where to look for names that begin with `prefix`. */
export interface PrefixPlace {
  readonly directory: string;
  /** The part of the prefix that `directory` stands for: '' or ending in "/". */
  readonly base: string;
  /** What the next segment begins with. */
  readonly partial: string;
}

/** Null when no name can begin so. */
export function prefixPlace(root: string, prefix: string): PrefixPlace | null {
  const segments = prefix.split('/');
  const partial = segments.pop() ?? '';
  if (!segments.every(isSegment)) return null;
  const base = segments.map((segment) => `${segment}/`).join('');
  return { directory: join(root, ...segments.map(pathSegment)), base, partial };
}

/** Whether an entry of a directory may stand for a segment that begins with `partial`. */
export function mayBegin(pathName: string, partial: string): boolean {
  if (!isShortened(pathName)) return pathName.startsWith(partial);
  const head = pathName.slice(0, HEAD_CHARACTERS);
  return head.startsWith(partial) || partial.startsWith(head);
}

/** Whether the path holds a hash in the place of a long segment, so that it does not tell the segment. */
export function isShortened(pathName: string): boolean {
  return pathName.includes(LONG_MARK);
}
