// One process of the local cluster: an etcd member, a node, HAProxy. It can be killed, frozen, stopped and started again, always by its
// own process id; what it prints goes to a file.
//
// Nothing may outlive whoever started it: pieces get SIGKILL from the kernel when their parent is gone (Linux, setpriv), and at the
// exit of the parent in any case. They have a session of their own, so that Ctrl-C in a terminal reaches only the parent, which then
// ends them in the right order.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

export interface PieceOptions {
  readonly name: string;
  /** Program and arguments; asked again at each start. */
  readonly command: () => readonly string[];
  readonly environment?: () => Readonly<Record<string, string | undefined>>;
  /** All that it prints, of all its starts, one after the other. */
  readonly logFile: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Piece {
  readonly name: string;
  readonly logFile: string;
  /** Of the process that runs now; null when none does. */
  readonly pid: () => number | null;
  readonly running: () => boolean;
  /** How often it was started. */
  readonly starts: () => number;
  /** Resolves once the process is there. Does nothing when it runs already. */
  start(): Promise<void>;
  /** kill -9; resolves once it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: frozen, with its connections open. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGTERM; resolves once it is gone, with how it ended. After the limit it is killed. */
  stop(limitMs?: number): Promise<Exit>;
  /** Resolves when the process that runs now ends, at once when none does. */
  ended(): Promise<Exit>;
  /** The end of its log, for messages. */
  lastLines(count?: number): string;
}

/** Longer than any stop of ours may take (server.shutdown_timeout is 15 s); what needs longer hangs. */
const STOP_LIMIT_MS = 30_000;
const LAST_LINES = 15;

const SETPRIV = '/usr/bin/setpriv';
const NOT_RUNNING: Exit = { code: null, signal: null };

/** HAProxy lies where only root looks by itself. */
const SEARCH_PATH = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export function createPiece({ name, command, environment, logFile }: PieceOptions): Piece {
  let child: ChildProcess | null = null;
  let gone: Promise<Exit> = Promise.resolve(NOT_RUNNING);
  let starts = 0;

  async function start(): Promise<void> {
    if (child !== null) return;
    const [program = '', ...args] = tiedToUs(command());
    const log = openSync(logFile, 'a');
    const started = spawn(program, args, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, PATH: SEARCH_PATH, ...environment?.() },
    });
    closeSync(log);
    child = started;
    gone = new Promise((resolve) => {
      started.once('exit', (code, signal) => {
        alive.delete(started);
        child = null;
        resolve({ code, signal });
      });
    });
    try {
      await once(started, 'spawn');
    } catch (error) {
      child = null;
      throw new Error(`${name} cannot be started: ${error instanceof Error ? error.message : String(error)}`);
    }
    alive.add(started);
    starts += 1;
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<Exit> {
    // A frozen process takes no SIGTERM.
    child?.kill('SIGCONT');
    child?.kill(signal);
    return gone;
  }

  async function stop(limitMs = STOP_LIMIT_MS): Promise<Exit> {
    const tooLong = setTimeout(() => child?.kill('SIGKILL'), limitMs);
    const exit = await end('SIGTERM');
    clearTimeout(tooLong);
    return exit;
  }

  return {
    name,
    logFile,
    pid: () => child?.pid ?? null,
    running: () => child !== null,
    starts: () => starts,
    start,
    kill: async () => void (await end('SIGKILL')),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    stop,
    ended: () => gone,
    lastLines: (count = LAST_LINES) => lastLines(logFile, count),
  };
}

/** The id stays that of the program itself: setpriv becomes it. */
function tiedToUs(command: readonly string[]): readonly string[] {
  return existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--', ...command] : command;
}

function lastLines(file: string, count: number): string {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}
