// One more process beside a body: in its directory, with its variables, as a child of the server (it ends with the session,
// unlike the body). A terminal is made by script(1), since Node cannot make one.

import { execFile, spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { AppError } from '../../../store/model/errors.ts';
import type { Instant } from '../../../store/model/ids.ts';
import type { ExecOptions, ExecSession, LogChunk, LogStream } from '../port.ts';
import { createChunkQueue } from './chunk-queue.ts';
import { findProgram, signalGroup } from './host-processes.ts';
import { shellQuote } from './supervisor-script.ts';

export interface ExecPlace {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where helper programs are looked for. */
  readonly searchPath: string;
  readonly now: () => Instant;
}

interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A size that no terminal has is a mistake of the caller, and would reach a command line. */
const TERMINAL_SIDE_MAX = 10_000;

type ExecChild = ChildProcessByStdio<Writable, Readable, Readable>;

/** Throws 'invalid' for a command that cannot be run, and for a terminal that this machine cannot make. */
export async function startExec(place: ExecPlace, options: ExecOptions): Promise<ExecSession> {
  const { signal, terminal } = options;
  signal.throwIfAborted();
  const [program = '', ...parameters] = terminal === null ? options.command : onTerminal(options, place, terminal);
  const child: ExecChild = spawn(program, parameters, {
    cwd: place.directory,
    env: { ...place.env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  await spawned(child, program);
  const gone = new Promise<number | null>((resolve) =>
    child.once('close', (code, name) => resolve(exitCode(code, name))),
  );
  const close = async () => {
    // The group is asked for by the leader's number, which is free for others once the leader is gone.
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      signalGroup(child.pid, 'SIGKILL');
    child.stdout.destroy();
    child.stderr.destroy();
    child.stdin.destroy();
    await gone;
  };
  const abort = () => void close().catch(() => undefined);
  signal.addEventListener('abort', abort, { once: true });
  child.once('close', () => signal.removeEventListener('abort', abort));
  return {
    output: outputOf(child, { terminal: terminal !== null, now: place.now }),
    write: (bytes) => writeAll(child.stdin, bytes),
    endInput: async () => void child.stdin.end(),
    resize: async (size) => {
      if (terminal !== null && child.pid !== undefined) await resizeTerminal(child.pid, sane(size));
    },
    exitCode: gone,
    close,
  };
}

function spawned(child: ExecChild, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(new AppError('invalid', `The command ${JSON.stringify(program)} cannot be run.`, { cause }));
    });
    // A process that reads no input closes it; that is its right.
    child.stdin.on('error', () => undefined);
  });
}

function outputOf(child: ExecChild, options: { terminal: boolean; now: () => Instant }): AsyncIterable<LogChunk> {
  const queue = createChunkQueue<LogChunk>(() => {
    child.stdout.resume();
    child.stderr.resume();
  });
  const take = (source: Readable, stream: LogStream) => {
    source.on('data', (bytes: Buffer) => {
      if (!queue.push({ stream, at: options.now(), bytes })) source.pause();
    });
  };
  take(child.stdout, 'stdout');
  take(child.stderr, options.terminal ? 'stdout' : 'stderr');
  child.once('close', () => queue.end());
  return queue.items;
}

function writeAll(input: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (input.destroyed || input.writableEnded) resolve();
    else input.write(bytes, () => resolve());
  });
}

function onTerminal(options: ExecOptions, place: ExecPlace, size: TerminalSize): readonly string[] {
  const script = findProgram('script', place.searchPath);
  if (script === null || process.platform !== 'linux') {
    throw new AppError('invalid', 'A terminal on a host process needs the program "script" of util-linux.');
  }
  const { columns, rows } = sane(size);
  const command = options.command.map(shellQuote).join(' ');
  return [script, '-qefc', `stty cols ${columns} rows ${rows}; exec ${command}`, '/dev/null'];
}

function sane({ columns, rows }: TerminalSize): TerminalSize {
  for (const side of [columns, rows]) {
    if (!Number.isInteger(side) || side < 1 || side > TERMINAL_SIDE_MAX) {
      throw new AppError('invalid', `A terminal's sides must be whole numbers from 1 to ${TERMINAL_SIDE_MAX}.`);
    }
  }
  return { columns, rows };
}

/** The terminal is known by the child of script(1) that has it as its input. */
async function resizeTerminal(scriptPid: number, { columns, rows }: TerminalSize): Promise<void> {
  try {
    const [child] = (await readFile(`/proc/${scriptPid}/task/${scriptPid}/children`, 'latin1')).split(' ');
    const device = await readlink(`/proc/${child}/fd/0`);
    await promisify(execFile)('stty', ['-F', device, 'cols', String(columns), 'rows', String(rows)]);
  } catch {
    // The process has just ended, and with it the terminal.
  }
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number | null {
  return code ?? (signal === null ? null : 128 + constants.signals[signal]);
}
