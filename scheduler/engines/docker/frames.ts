// Docker's multiplexed stream taken apart: frames of an 8-byte header (stream, three zeros, length) and a payload, cut anywhere
// by the network. Pure: bytes in, frames out.

import { AppError } from '../../../store/model/errors.ts';
import type { LogStream } from '../port.ts';

export interface Frame {
  readonly stream: LogStream;
  readonly payload: Uint8Array;
}

export interface FrameSplitter {
  /** The frames that are complete now. Payloads may share memory with the argument. */
  push(bytes: Uint8Array): readonly Frame[];
  /** Bytes of a frame that is not complete yet: more than 0 at the end means that the stream was cut. */
  readonly waiting: number;
}

const HEADER_BYTES = 8;

/** Docker sends at most 16 KiB of log and 32 KiB of exec output in a frame; more means that this is not such a stream. */
const FRAME_BYTES_MAX = 8 * 1_048_576;

export function createFrameSplitter(): FrameSplitter {
  let parts: Uint8Array[] = [];
  let held = 0;
  /** Bytes needed before the next frame is complete: joining earlier would copy the same bytes again and again. */
  let needed = HEADER_BYTES;

  return {
    get waiting() {
      return held;
    },
    push(bytes) {
      parts.push(bytes);
      held += bytes.length;
      if (held < needed) return [];
      const all = Buffer.concat(parts, held);
      const { frames, used, next } = takeFrames(all);
      held = all.length - used;
      parts = held === 0 ? [] : [all.subarray(used)];
      needed = next;
      return frames;
    },
  };
}

function takeFrames(all: Buffer): { readonly frames: readonly Frame[]; readonly used: number; readonly next: number } {
  const frames: Frame[] = [];
  let used = 0;
  while (all.length - used >= HEADER_BYTES) {
    const length = all.readUInt32BE(used + 4);
    const stream = streamOf(all[used]);
    if (stream === null || length > FRAME_BYTES_MAX) {
      throw new AppError('unavailable', 'Docker sent a stream that cannot be read.', { detail: 'bad frame header' });
    }
    const end = used + HEADER_BYTES + length;
    if (end > all.length) return { frames, used, next: end - used };
    frames.push({ stream, payload: all.subarray(used + HEADER_BYTES, end) });
    used = end;
  }
  return { frames, used, next: HEADER_BYTES };
}

function streamOf(type: number | undefined): LogStream | null {
  // 0 is stdin, which Docker writes to stdout where it is echoed.
  if (type === 0 || type === 1) return 'stdout';
  return type === 2 ? 'stderr' : null;
}
