// Log entries to bytes: each entry of a Docker log is a timestamp, a space and a line or a part of a long one. Pure.
//
// Docker cuts lines into parts of 16 KiB, all with the instant of the first. The `local` driver keeps every byte, but in
// Docker 20.10 (newer ones have it right) it drops the newline behind the last part of a cut line. It is put back here: a part
// without a newline that is followed, in its stream, by an entry of another instant was the end of its line. Only when a cut
// line is the very last of its stream nothing follows, and its newline stays lost: adding one would spoil binary output.

import { AppError } from '../../../store/model/errors.ts';
import type { Instant } from '../../../store/model/ids.ts';
import type { LogChunk, LogPosition, LogStream } from '../port.ts';
import type { Frame } from './frames.ts';

const NEWLINE = 10;
const SPACE = 32;
const NEWLINE_BYTES = Uint8Array.of(NEWLINE);

/** `2026-01-02T03:04:05.123456789Z`, with a numeric zone at worst. */
const STAMP_BYTES_MAX = 40;

interface OpenLine {
  /** Timestamp text of the part that was not ended by a newline; empty = none is open. */
  stamp: string;
}

export interface LogEntries {
  /** Chunks of an entry, without what lies before the wanted position. */
  chunksOf(frame: Frame): readonly LogChunk[];
  /** Bytes of each stream that have passed, those before the wanted position included. */
  readonly position: LogPosition;
}

/** Reads a log from its beginning and gives what lies behind `from`. */
export function createLogEntries(from: LogPosition): LogEntries {
  const passed = { stdout: 0, stderr: 0 };
  const open: Record<LogStream, OpenLine> = { stdout: { stamp: '' }, stderr: { stamp: '' } };
  let latest: Instant = 0;

  function take(stream: LogStream, bytes: Uint8Array): LogChunk[] {
    const skip = Math.min(Math.max(from[stream] - passed[stream], 0), bytes.length);
    passed[stream] += bytes.length;
    return skip === bytes.length ? [] : [{ stream, at: latest, bytes: bytes.subarray(skip) }];
  }

  return {
    get position() {
      return { ...passed };
    },
    chunksOf({ stream, payload }) {
      const { stamp, bytes } = splitStamp(payload);
      // A part carries the instant of its line's beginning, and the streams are written side by side: time must not go back.
      latest = Math.max(latest, instantOf(stamp));
      const line = open[stream];
      const before = line.stamp !== '' && line.stamp !== stamp ? take(stream, NEWLINE_BYTES) : [];
      // A line of exactly n times 16 KiB leaves an empty last part: only its newline is missing.
      const isEmptyEnd = bytes.length === 0;
      const text = isEmptyEnd ? NEWLINE_BYTES : bytes;
      line.stamp = text.at(-1) === NEWLINE ? '' : stamp;
      return [...before, ...take(stream, text)];
    },
  };
}

function splitStamp(payload: Uint8Array): { readonly stamp: string; readonly bytes: Uint8Array } {
  const end = payload.subarray(0, STAMP_BYTES_MAX).indexOf(SPACE);
  if (end < 0) throw unreadable('log entry without timestamp');
  return { stamp: Buffer.from(payload.subarray(0, end)).toString('latin1'), bytes: payload.subarray(end + 1) };
}

function instantOf(stamp: string): Instant {
  const instant = Date.parse(stamp);
  if (Number.isNaN(instant)) throw unreadable(`timestamp ${JSON.stringify(stamp)}`);
  return instant;
}

function unreadable(detail: string): AppError {
  return new AppError('unavailable', 'Docker sent a log that cannot be read.', { detail });
}
