// Lines of a byte stream, for the two streams of JSON lines that the daemon has: events and pull progress.

import { AppError } from '../../../store/model/errors.ts';

/** The longest are events of containers with many labels: some KiB. */
const LINE_BYTES_MAX = 1_048_576;
const NEWLINE = 10;

/** Complete lines without their end; empty ones are left out. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const part of bytes) {
    let all: Uint8Array = rest.length === 0 ? part : Buffer.concat([rest, part]);
    for (let end = all.indexOf(NEWLINE); end >= 0; end = all.indexOf(NEWLINE)) {
      const line = Buffer.from(all.subarray(0, end)).toString().trim();
      all = all.subarray(end + 1);
      if (line !== '') yield line;
    }
    if (all.length > LINE_BYTES_MAX) throw new AppError('unavailable', 'Docker sent a line without an end.');
    rest = all;
  }
  const last = Buffer.from(rest).toString().trim();
  if (last !== '') yield last;
}
