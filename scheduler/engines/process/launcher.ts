// The launcher: one small shell beside the server that forks every supervisor. Node itself does not fork, because its cost
// grows with the server's memory (measured: 1.1 ms per spawn at 50 MB, 13.7 ms at 350 MB, all of it on the main thread).
//
// It has a session of its own, so neither Ctrl-C nor the server's end reaches the supervisors. When it dies itself, the
// launches on their way are unknown and it is started again with the next one; supervisors do not notice.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import { REAP } from './supervisor-script.ts';

/** Supervisors have ended and wait to be let go: once per pause is enough. */
const REAP_PAUSE_MS = 50;

export interface LauncherLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Called in the order in which supervisors told it. */
export interface LauncherEvents {
  started(id: AttemptId, pid: number): void;
  /** The outcome is written. */
  ended(id: AttemptId, code: number): void;
  /** The answer is to be found on disk: not started, or taken by somebody else. */
  settled(id: AttemptId): void;
  /** Nothing was claimed, or it cannot be known; `cause` is for the operator. */
  failed(id: AttemptId, error: AppError): void;
}

export interface LauncherDeps {
  readonly shell: string;
  readonly preamble: string;
  readonly env: Readonly<Record<string, string>>;
  readonly events: LauncherEvents;
  readonly log: LauncherLog;
}

export interface Launcher {
  /** Starts a supervisor; what comes of it is told by the events. `text` is made for the sequence number that it is given. */
  launch(id: AttemptId, text: (sequence: number) => string): void;
  close(): void;
}

interface Shell {
  readonly child: ChildProcess;
  readonly input: Writable;
  reaping: NodeJS.Timeout | null;
}

interface Launch {
  readonly id: AttemptId;
  readonly shell: Shell;
  started: boolean;
}

export function createLauncher(deps: LauncherDeps): Launcher {
  const launches = new Map<number, Launch>();
  let lastSequence = 0;
  let current: Shell | null = null;
  let closed = false;

  function open(): Shell {
    const child = spawn(deps.shell, [], {
      detached: true,
      env: { ...deps.env },
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    });
    const [input, , complaints, reports] = child.stdio;
    const shell: Shell = { child, input: writable(input), reaping: null };
    // A write to a shell that died is answered by its 'close'.
    shell.input.on('error', () => undefined);
    child.on('error', (error) => lose(shell, error));
    child.on('close', () => lose(shell, null));
    readLines(readable(reports), (line) => hear(shell, line));
    readLines(readable(complaints), (line) => deps.log.warn({ line: line.slice(0, 500) }, 'launcher complained'));
    child.unref();
    for (const stream of [input, complaints, reports]) if (stream !== null && stream !== undefined) unref(stream);
    shell.input.write(deps.preamble);
    current = shell;
    return shell;
  }

  function hear(shell: Shell, line: string): void {
    const [sequence = '', kind, argument] = line.split(' ');
    const launch = launches.get(Number(sequence));
    if (launch === undefined) return;
    if (kind === 's') {
      launch.started = true;
      return deps.events.started(launch.id, Number(argument));
    }
    launches.delete(Number(sequence));
    shell.reaping ??= setTimeout(() => {
      shell.reaping = null;
      if (!shell.input.destroyed) shell.input.write(REAP);
    }, REAP_PAUSE_MS).unref();
    if (kind === 'e') deps.events.ended(launch.id, Number(argument));
    else if (kind === 'f') deps.events.failed(launch.id, unavailable('the attempt directory cannot be written'));
    else deps.events.settled(launch.id);
  }

  function lose(shell: Shell, error: Error | null): void {
    if (current === shell) current = null;
    if (shell.reaping !== null) clearTimeout(shell.reaping);
    if (!closed) deps.log.warn({ error: error?.message ?? null, exitCode: shell.child.exitCode }, 'launcher ended');
    for (const [sequence, launch] of launches) {
      if (launch.shell !== shell) continue;
      launches.delete(sequence);
      if (!launch.started) deps.events.failed(launch.id, unavailable('the launcher ended'));
    }
  }

  open();
  return {
    launch(id, text) {
      const shell = current ?? open();
      lastSequence += 1;
      launches.set(lastSequence, { id, shell, started: false });
      shell.input.write(text(lastSequence));
    },
    close() {
      closed = true;
      const shell = current;
      if (shell === null) return;
      lose(shell, null);
      shell.input.end();
      for (const stream of shell.child.stdio.slice(2)) stream?.destroy();
    },
  };
}

function unavailable(detail: string): AppError {
  return new AppError('unavailable', 'The attempt could not be started now.', { detail });
}

function readLines(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('latin1');
  stream.on('error', () => undefined);
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}

function unref(stream: Readable | Writable): void {
  if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
}

function writable(stream: unknown): Writable {
  if (isStream(stream) && 'write' in stream) return stream;
  throw new AppError('internal', 'The launcher has no input.');
}

function readable(stream: unknown): Readable {
  if (isStream(stream) && 'setEncoding' in stream) return stream;
  throw new AppError('internal', 'The launcher has no output.');
}

function isStream(value: unknown): value is Readable & Writable {
  return typeof value === 'object' && value !== null && 'on' in value;
}
