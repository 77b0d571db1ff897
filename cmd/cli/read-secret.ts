// The value of a secret, from wherever the user keeps it.

import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { unreadable, usageError } from './cli-error.ts';
import { readInput, textOfBytes } from './read-input.ts';
import type { Terminal } from './terminal.ts';

/** `@<path>`: a file as it is; `-`, `@` or nothing: standard input; else the text itself. Throws a usage error when there is nothing. */
export async function readSecret(terminal: Terminal, given: string | undefined): Promise<string> {
  const value = await readFrom(terminal, given);
  if (value === '') throw usageError('The secret is empty.', 'Give it as @<path> for a file, or on standard input.');
  return value;
}

async function readFrom(terminal: Terminal, given: string | undefined): Promise<string> {
  if (given === undefined || given === '-' || given === '@') {
    if (terminal.inIsTerminal) return ask(terminal, 'Secret: ');
    // Programs end their output with a line end that is no part of the secret.
    return (await readInput(terminal.stdin)).replace(/\r?\n$/, '');
  }
  if (!given.startsWith('@')) return given;
  const file = given.slice(1);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  return textOfBytes(bytes, file);
}

/** One line that is not shown while it is typed. */
async function ask({ stdin, err }: Terminal, prompt: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, written) => written() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  err(prompt);
  try {
    return await new Promise((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('SIGINT', () => reject(usageError('No secret was given.')));
      lines.once('close', () => reject(usageError('No secret was given.')));
    });
  } finally {
    lines.close();
    err('\n');
  }
}
