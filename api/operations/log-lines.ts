// From the bytes of a log to its lines. The two streams of a body are cut apart from each other, so that a line of one never lands in
// the middle of a line of the other. Any bytes go: what is not UTF-8 becomes U+FFFD, and endless lines come in pieces.

import { TextDecoder } from 'node:util';
import type { Instant } from '../../store/model/ids.ts';
import type { LiveLogChunk, LiveStream } from './deps.ts';

export interface LogLine {
  /** When its first byte was seen. */
  readonly at: Instant;
  /** With its line end; the last line of a stream, and a piece of an endless one, may have none. */
  readonly text: string;
}

/** Longer lines are delivered in pieces of this many UTF-16 units, so that memory stays flat. */
export const LINE_PIECE_MAX = 1_048_576;

interface Stream {
  readonly decoder: TextDecoder;
  pending: string;
  at: Instant;
}

export interface LineCutter {
  push(chunk: LiveLogChunk): readonly LogLine[];
  /** What is left when nothing more comes. */
  end(): readonly LogLine[];
}

export function createLineCutter(): LineCutter {
  const streams: Readonly<Record<LiveStream, Stream>> = { stdout: aStream(), stderr: aStream() };
  return {
    push: ({ stream, at, bytes }) => cut(streams[stream], streams[stream].decoder.decode(bytes, { stream: true }), at),
    end: () => Object.values(streams).flatMap(rest),
  };
}

function aStream(): Stream {
  return { decoder: new TextDecoder('utf-8', { ignoreBOM: true }), pending: '', at: 0 };
}

function cut(stream: Stream, text: string, at: Instant): readonly LogLine[] {
  const lines: LogLine[] = [];
  let start = 0;
  while (start < text.length) {
    if (stream.pending === '') stream.at = at;
    const lineEnd = text.indexOf('\n', start) + 1;
    const room = start + LINE_PIECE_MAX - stream.pending.length;
    const end = Math.min(lineEnd === 0 ? text.length : lineEnd, room);
    stream.pending += text.slice(start, end);
    start = end;
    if (end !== lineEnd && stream.pending.length < LINE_PIECE_MAX) break;
    lines.push({ at: stream.at, text: stream.pending });
    stream.pending = '';
  }
  return lines;
}

function rest(stream: Stream): readonly LogLine[] {
  const text = stream.pending + stream.decoder.decode();
  stream.pending = '';
  return text === '' ? [] : [{ at: stream.at, text }];
}

/** Memory for the last lines of a log, in UTF-16 units. */
const RING_SIZE_MAX = 33_554_432;
const SHIFT_AFTER = 1_000;

/** The last lines of a log. */
export class LineRing {
  readonly #lines: LogLine[] = [];
  readonly #max: number;
  #first = 0;
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(line: LogLine): void {
    this.#lines.push(line);
    this.#size += line.text.length;
    while (this.#length() > this.#max || (this.#size > RING_SIZE_MAX && this.#length() > 1)) {
      this.#size -= this.#lines[this.#first]?.text.length ?? 0;
      this.#first += 1;
    }
    // Now and then, so that adding stays cheap.
    if (this.#first <= this.#max + SHIFT_AFTER) return;
    this.#lines.splice(0, this.#first);
    this.#first = 0;
  }

  lines(): readonly LogLine[] {
    return this.#lines.slice(this.#first);
  }

  #length(): number {
    return this.#lines.length - this.#first;
  }
}
