// A blob and what is known of it are one file, so that one rename makes both appear: first the bytes as they came, from
// offset 0 (ranges need no arithmetic, and an operator can look at them), then a trailer with name, size and hash, which are
// known only when the last byte has come. The file ends in the trailer's length and a magic word, to be read backwards.

import { recordCodec } from '../../codec.ts';
import { AppError } from '../../model/errors.ts';
import type { ObjectInfo } from '../port.ts';

export interface BlobTrailer extends ObjectInfo {
  readonly name: string;
}

const MAGIC = Buffer.from('goferblb', 'latin1');
const LENGTH_BYTES = 4;
const END_BYTES = LENGTH_BYTES + MAGIC.length;
/** A name of 900 characters, a size, a hash and their JSON; twice what is needed today. */
export const TRAILER_BYTES_MAX = 2_048;

const trailerRecord = recordCodec<BlobTrailer>({
  kind: 'blob trailer',
  fields: { name: 'string', size: 'number', sha256: 'string' },
});

export function encodeTrailer(trailer: BlobTrailer): Buffer {
  const text = Buffer.from(trailerRecord.encode(trailer), 'utf8');
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  return Buffer.concat([text, length, MAGIC]);
}

/**
 * Reads the trailer out of the end of a file. `tail` is the whole file or at least its last TRAILER_BYTES_MAX bytes.
 * Throws 'internal' when the file was not written by us, or not to its end.
 */
export function decodeTrailer(tail: Buffer, fileBytes: number): BlobTrailer {
  const end = tail.length - END_BYTES;
  if (end < 0 || !tail.subarray(end + LENGTH_BYTES).equals(MAGIC)) throw damagedBlob('no trailer');
  const length = tail.readUInt32BE(end);
  if (length > end) throw damagedBlob(`trailer of ${length} bytes`);
  const trailer = trailerRecord.decode(tail.toString('utf8', end - length, end));
  if (trailer.size + length + END_BYTES !== fileBytes) {
    throw damagedBlob(`${fileBytes} bytes on disk, ${trailer.size} in the trailer`);
  }
  return trailer;
}

export function damagedBlob(detail: string): AppError {
  return new AppError('internal', 'A stored object is damaged.', { detail });
}
