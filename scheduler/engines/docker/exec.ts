// One more process beside a body: Docker's exec, over a connection that stops being HTTP.
//
// Docker offers no way to end such a process: when its session is closed it goes on until it ends by itself, loses its terminal,
// or its container ends.

import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { ExecOptions, ExecSession, LogChunk } from '../port.ts';
import { errorMessage, parseExec, parseId } from './answers-parse.ts';
import type { Connection, DockerClient } from './client.ts';
import { refused, segment } from './client.ts';
import { inspect } from './containers.ts';
import { pause } from './deadline.ts';
import type { Frame } from './frames.ts';
import { createFrameSplitter } from './frames.ts';

/** The exit code follows the end of the output by milliseconds. */
const EXIT_TRIES_MAX = 100;
const EXIT_PAUSE_MS = 20;

interface ExecTarget {
  readonly client: DockerClient;
  readonly id: AttemptId;
  readonly reference: string;
  readonly now: () => number;
}

/** Throws 'not_found' and 'conflict' as the port says, and 'invalid' for a command that cannot be run. */
export async function openExec(target: ExecTarget, options: ExecOptions): Promise<ExecSession> {
  const { client } = target;
  options.signal.throwIfAborted();
  const execId = await createExec(target, options);
  const tty = options.terminal !== null;
  const path = `/exec/${segment(execId)}/start`;
  const body = { Detach: false, Tty: tty };
  const connection = await client.upgrade({ method: 'POST', path, body, signal: options.signal });
  const session = createSession({ ...target, execId, connection, tty });
  options.signal.addEventListener('abort', session.leave, { once: true });
  connection.once('close', () => options.signal.removeEventListener('abort', session.leave));
  if (options.signal.aborted) session.leave();
  if (options.terminal !== null) await session.resize(options.terminal);
  return session;
}

async function createExec({ client, id, reference }: ExecTarget, { command, terminal }: ExecOptions): Promise<string> {
  const container = await inspect(client, reference);
  if (container === null) throw new AppError('not_found', `There is no attempt ${id}.`);
  const notRunning = new AppError('conflict', 'The task is not running.');
  if (!container.running) throw notRunning;
  const call = {
    method: 'POST',
    path: `/containers/${segment(container.containerId)}/exec`,
    body: { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: terminal !== null, Cmd: command },
  } as const;
  const created = await client.call(call);
  switch (created.status) {
    case 201:
      return parseId(created.body);
    case 404:
      throw new AppError('not_found', `There is no attempt ${id}.`);
    case 409:
      throw notRunning;
    case 400:
      throw new AppError('invalid', `The command cannot be run: ${errorMessage(created.body)}.`);
    default:
      throw refused(call, created);
  }
}

interface SessionParts extends ExecTarget {
  readonly execId: string;
  readonly connection: Connection;
  readonly tty: boolean;
}

function createSession(parts: SessionParts): ExecSession & { readonly leave: () => void } {
  const { client, connection, execId } = parts;
  let left = false;
  // A connection that breaks ends the output; the error itself tells nobody anything.
  connection.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => connection.once('close', () => resolve()));
  const leave = () => {
    left = true;
    connection.destroy();
  };
  return {
    output: readOutput(parts),
    exitCode: closed.then(() => (left ? null : exitCodeOf(parts))),
    leave,
    write: (bytes) => writeAll(connection, bytes),
    async endInput() {
      // Only our half: the output goes on.
      connection.end();
    },
    async resize({ columns, rows }) {
      const query = { w: String(columns), h: String(rows) };
      const call = { method: 'POST', path: `/exec/${segment(execId)}/resize`, query } as const;
      // The process may have ended by now, or may not have begun: a size that does not arrive is no error.
      await client.call(call);
    },
    async close() {
      leave();
      await closed;
    },
  };
}

async function* readOutput({ connection, tty, now }: SessionParts): AsyncGenerator<LogChunk> {
  const splitter = createFrameSplitter();
  try {
    for await (const part of bytesOf(connection)) {
      // A terminal has one stream, and Docker sends it as it is.
      const frames: readonly Frame[] = tty ? [{ stream: 'stdout', payload: part }] : splitter.push(part);
      for (const { stream, payload } of frames) yield { stream, at: now(), bytes: payload };
    }
  } catch {
    // Cut off: what came before was delivered, and the exit code says that nothing more is known.
  } finally {
    connection.destroy();
  }
}

function bytesOf(connection: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return connection;
}

function writeAll(connection: Connection, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.write(bytes, (error) => {
      if (error) reject(new AppError('conflict', 'The process takes no more input.', { cause: error }));
      else resolve();
    });
  });
}

async function exitCodeOf({ client, execId }: SessionParts): Promise<number | null> {
  try {
    for (let n = 0; n < EXIT_TRIES_MAX; n += 1) {
      const answer = await client.expect({ method: 'GET', path: `/exec/${segment(execId)}/json` }, [200]);
      const state = parseExec(answer.body);
      if (!state.running && state.exitCode !== null) return state.exitCode;
      await pause(EXIT_PAUSE_MS);
    }
    return null;
  } catch {
    // The container may be gone, or the daemon: then it cannot be known.
    return null;
  }
}
