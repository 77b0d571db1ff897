// Runs a pipeline program: its stdout is the document, its stderr is for the person who waits.

import { spawn, type ChildProcess } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { CliError, systemCode } from '../cli-error.ts';

/** More than twice the largest config that a server takes. */
const DOCUMENT_BYTES_MAX = 16 * 1_048_576;

/** What fits on a screen under the error message. */
const LAST_LINES = 15;

/** A line without an end is cut here, so that a program that never writes a newline costs no memory. */
const LINE_CHARACTERS_MAX = 4_096;

export interface ProgramCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** For the user to try when it fails. */
  readonly byHand: string;
}

export interface RunOptions {
  readonly onErrorLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** All of stdout. Both streams are read side by side: a program may write as much to either as it likes. */
export async function runProgram(program: ProgramCommand, { onErrorLine, signal }: RunOptions): Promise<string> {
  const { command, args, directory } = program;
  const child = spawn(command, [...args], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], signal });
  const lastLines: string[] = [];
  const lines = splitLines((line) => {
    lastLines.push(line);
    if (lastLines.length > LAST_LINES) lastLines.shift();
    onErrorLine(line);
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stderr.on('data', (chunk: Buffer) => lines.add(chunk));
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DOCUMENT_BYTES_MAX) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  const [code, killedBy] = await exitOf(child, program);
  lines.end();
  signal.throwIfAborted();
  if (bytes > DOCUMENT_BYTES_MAX) {
    throw new CliError(`The program printed more than ${DOCUMENT_BYTES_MAX} bytes; expected one JSON pipeline.`);
  }
  if (code !== 0)
    throw failed(code === null ? `was ended by ${killedBy}` : `failed with exit code ${code}`, lastLines, program);
  return Buffer.concat(chunks).toString('utf8');
}

type Exit = readonly [code: number | null, killedBy: NodeJS.Signals | null];

function exitOf(child: ChildProcess, { command, byHand }: ProgramCommand): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('close', (code, killedBy) => resolve([code, killedBy]));
    child.once('error', (error) => {
      const hints = [`Install it, then try: ${byHand}`];
      reject(systemCode(error) === 'ENOENT' ? new CliError(`The command ${command} was not found.`, { hints }) : error);
    });
  });
}

function failed(how: string, lastLines: readonly string[], { byHand }: ProgramCommand): CliError {
  const output =
    lastLines.length === 0 ? 'It printed nothing on stderr.' : `Its last lines were:\n\n${lastLines.join('\n')}\n`;
  return new CliError(`The pipeline program ${how}. ${output}`, { hints: [`Run it by hand: ${byHand}`] });
}

function splitLines(onLine: (line: string) => void): { add(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string) => {
    const parts = (rest + text).split(/\r?\n/);
    rest = parts.pop() ?? '';
    for (const part of parts) onLine(part.slice(0, LINE_CHARACTERS_MAX));
    if (rest.length > LINE_CHARACTERS_MAX) rest = rest.slice(0, LINE_CHARACTERS_MAX);
  };
  return {
    add: (chunk) => take(decoder.write(chunk)),
    end() {
      take(decoder.end());
      if (rest !== '') onLine(rest);
    },
  };
}
