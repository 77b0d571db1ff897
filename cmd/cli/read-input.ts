// Standard input and files as text.

import { readFile } from 'node:fs/promises';
import { unreadable, usageError } from './cli-error.ts';
import type { Terminal } from './terminal.ts';

/** Far above any secret or list of variables that the server takes. */
const INPUT_BYTES_MAX = 8 * 1_048_576;

/** All of it. Throws a usage error when it is endless, or no text. */
export async function readInput(stdin: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of stdin) {
    const bytes =
      typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    total += bytes.length;
    if (total > INPUT_BYTES_MAX) throw usageError(`Standard input has more than ${INPUT_BYTES_MAX} bytes.`);
    chunks.push(bytes);
  }
  return textOfBytes(Buffer.concat(chunks), 'Standard input');
}

/** `-` is standard input. Throws a usage error when it cannot be read. */
export async function readTextFile({ stdin }: Pick<Terminal, 'stdin'>, file: string): Promise<string> {
  if (file === '-') return readInput(stdin);
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadable(file, error);
  });
}

/** Bytes that are no UTF-8 would be sent as something else. */
export function textOfBytes(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw usageError(`${source} is not UTF-8 text.`, 'Encode it first, for example with base64.');
  }
}
