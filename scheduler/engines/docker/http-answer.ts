// Answers of the daemon as they come over HTTP: whole, with a limit on their size, or as a stream.

import type { Dispatcher } from 'undici';
import { parseJson } from './answers-parse.ts';

/** Bounds what a daemon may make us hold: 10,000 containers in a list are about 20 MiB. */
const ANSWER_BYTES_MAX = 64 * 1_048_576;

export interface Answer {
  readonly status: number;
  /** Parsed JSON; null when the body was empty or no JSON. */
  readonly body: unknown;
}

export interface StreamAnswer {
  readonly status: number;
  /** May be read once. Ends with an 'unavailable' when the connection broke. Leaving the loop closes the stream. */
  readonly bytes: AsyncIterable<Uint8Array>;
  close(): void;
}

export async function readAnswer(answer: Dispatcher.ResponseData): Promise<Answer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of chunksOf(answer.body)) {
    size += part.length;
    if (size > ANSWER_BYTES_MAX) throw new Error(`answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString();
  const isJson = String(answer.headers['content-type'] ?? '').startsWith('application/json');
  return { status: answer.statusCode, body: isJson && text !== '' ? parseJson(text) : null };
}

export interface StreamOptions {
  /** What to throw for a body that broke. */
  readonly failed: (error: unknown) => unknown;
  /** Called once when the stream is over. */
  readonly unlink: () => void;
}

export function streamAnswer(answer: Dispatcher.ResponseData, { failed, unlink }: StreamOptions): StreamAnswer {
  // Without a listener the error of an abandoned body would end the process.
  answer.body.on('error', () => undefined);
  function close(): void {
    unlink();
    answer.body.destroy();
  }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunksOf(answer.body);
    } catch (error) {
      const told = failed(error);
      throw told instanceof Error ? told : new Error(String(told));
    } finally {
      close();
    }
  }
  return { status: answer.statusCode, bytes: bytes(), close };
}

/** What a body yields is typed loosely by Node. */
function chunksOf(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return body;
}
