// A failure that is told to the user as it is: what went wrong, why, and what to do next.

import { EXIT, type ExitCode } from './exit-codes.ts';

export interface CliErrorOptions {
  readonly exitCode?: ExitCode;
  /** What to do next, one sentence a line. */
  readonly hints?: readonly string[];
  readonly cause?: unknown;
}

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  readonly hints: readonly string[];

  constructor(message: string, { exitCode = EXIT.failure, hints = [], cause }: CliErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
    this.hints = hints;
  }
}

export function usageError(message: string, ...hints: readonly string[]): CliError {
  return new CliError(message, { exitCode: EXIT.usage, hints });
}

/** The code of a failed system call, such as ENOENT; null for any other error. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** A file that the user named and that cannot be read. */
export function unreadable(file: string, error: unknown): CliError {
  if (systemCode(error) === 'ENOENT') return usageError(`There is no file ${file}.`);
  if (systemCode(error) === 'EISDIR') return usageError(`${file} is a folder.`);
  return usageError(`Cannot read ${file}: ${causeChain(error).join(': ')}`);
}

/** The message and those of its causes, without saying anything twice. */
export function causeChain(error: unknown): readonly string[] {
  const messages: string[] = [];
  for (let current = error; current !== undefined && current !== null && messages.length < CAUSES_MAX;) {
    const message: string = current instanceof Error ? current.message : JSON.stringify(current);
    if (message !== '' && !messages.some((earlier) => earlier.includes(message))) messages.push(message);
    current = current instanceof Error ? current.cause : null;
  }
  return messages;
}

/** Deeper chains are loops or noise. */
const CAUSES_MAX = 5;
