// The launcher: one small shell beside the server that forks every supervisor. Node itself does not fork, because its cost
// grows with the server's memory (measured: 1.1 ms per spawn at 50 MB, 13.7 ms at 350 MB, all of it on the main thread).
//
// It has a session of its own, so neither Ctrl-C nor the server's end reaches the supervisors. When it dies itself, the
// launches on their way are unknown and it is started again with the next one; supervisors do not notice.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { AppError, invariant } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import { readAttemptId } from './attempt-parse.ts';
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
  /** Starts a supervisor by this text; what comes of it is told by the events. */
  launch(id: AttemptId, text: string): void;
  close(): void;
}

interface Shell {
  readonly child: ChildProcess;
  readonly input: Socket;
  readonly complaints: Socket;
  readonly reports: Socket;
  reaping: NodeJS.Timeout | null;
}

export function createLauncher(deps: LauncherDeps): Launcher {
  /** Launches that nothing was heard of yet. */
  const unanswered = new Map<AttemptId, Shell>();
  let current: Shell | null = null;
  let closed = false;

  function open(): Shell {
    const shell = openShell(deps);
    shell.child.on('error', (error) => lose(shell, error));
    shell.child.on('close', () => lose(shell, null));
    readLines(shell.reports, (line) => hear(shell, line));
    readLines(shell.complaints, (line) => deps.log.warn({ line: line.slice(0, 500) }, 'launcher complained'));
    shell.input.write(deps.preamble);
    current = shell;
    return shell;
  }

  function hear(shell: Shell, line: string): void {
    const [name = '', kind, argument] = line.split(' ');
    const id = readAttemptId(name);
    if (id === null) return;
    unanswered.delete(id);
    if (kind === 's') return deps.events.started(id, Number(argument));
    shell.reaping ??= setTimeout(() => {
      shell.reaping = null;
      if (!shell.input.destroyed) shell.input.write(REAP);
    }, REAP_PAUSE_MS).unref();
    if (kind === 'e') deps.events.ended(id, Number(argument));
    else if (kind === 'f') deps.events.failed(id, unavailable('the attempt directory cannot be written'));
    else deps.events.settled(id);
  }

  function lose(shell: Shell, error: Error | null): void {
    if (current === shell) current = null;
    if (shell.reaping !== null) clearTimeout(shell.reaping);
    if (!closed) deps.log.warn({ error: error?.message ?? null, exitCode: shell.child.exitCode }, 'launcher ended');
    for (const [id, from] of unanswered) {
      if (from !== shell) continue;
      unanswered.delete(id);
      deps.events.failed(id, unavailable('the launcher ended'));
    }
  }

  open();
  return {
    launch(id, text) {
      const shell = current ?? open();
      unanswered.set(id, shell);
      shell.input.write(text);
    },
    close() {
      closed = true;
      const shell = current;
      if (shell === null) return;
      lose(shell, null);
      shell.input.end();
      shell.complaints.destroy();
      shell.reports.destroy();
    },
  };
}

function openShell({ shell, env }: LauncherDeps): Shell {
  const child = spawn(shell, [], { detached: true, env: { ...env }, stdio: ['pipe', 'ignore', 'pipe', 'pipe'] });
  child.unref();
  return { child, input: pipe(child, 0), complaints: pipe(child, 2), reports: pipe(child, 3), reaping: null };
}

function unavailable(detail: string): AppError {
  return new AppError('unavailable', 'The attempt could not be started now.', { detail });
}

function readLines(stream: Socket, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('latin1');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}

/** The pipes do not keep the server alive. */
function pipe(child: ChildProcess, descriptor: number): Socket {
  const stream = child.stdio[descriptor];
  invariant('ENGINE-1', stream instanceof Socket, 'Node opens the pipes of a child as sockets');
  // A write to a shell that died is answered by its 'close'.
  stream.on('error', () => undefined);
  return stream.unref();
}
