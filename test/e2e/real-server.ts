// The real executable as a child process, for end-to-end tests: start, kill -9, start again on the same data; its API by plain HTTP;
// and the real CLI.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { freePorts } from '../../chaos/local-cluster/free-ports.ts';
import { eventually } from '../eventually.ts';
import type { RealServer } from './running-server.ts';
import { startServedCluster } from './served-cluster.ts';

export const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
/** GOFER_TEST_EXECUTABLE: another build of it, such as one that was packed and installed. */
export const LAUNCHER = process.env['GOFER_TEST_EXECUTABLE'] ?? path.join(ROOT, 'cmd', 'gofer.mjs');

/** The same tests, against three nodes behind HAProxy (vitest.config.mjs). */
const ON_CLUSTER = process.env['GOFER_TEST_CLUSTER'] === '1';

export interface ServerOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly engine: 'process' | 'docker';
  readonly environment?: Readonly<Record<string, string>>;
  /** File of the certificate that it serves HTTPS with. */
  readonly certificate?: string;
  /** Of another build of the executable than the one under test. */
  readonly launcher?: string;
}

/** A start takes a second; beside a whole test suite it may take far longer. */
const START_LIMIT_MS = 60_000;

/** Resolves once the API answers. */
export async function startServer(options: ServerOptions): Promise<RealServer> {
  if (ON_CLUSTER) return startServedCluster(options.dataDir, LAUNCHER);
  const { dataDir, port, engine, environment = {}, certificate, launcher = LAUNCHER } = options;
  const args = ['service', 'start', '--data-dir', dataDir, '--bind', `127.0.0.1:${port}`, '--engine', engine];
  const child = spawn(process.execPath, [launcher, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const url = `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  try {
    await eventually(async () => {
      if (child.exitCode !== null) return;
      if (certificate !== undefined) return expectListening(port);
      const answer = await fetch(`${url}/api/system/metadata`, { headers: HEADERS });
      if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    }, START_LIMIT_MS);
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
  } catch (error) {
    await end(child, 'SIGKILL');
    throw new Error(`no server; its log:\n${log}`, { cause: error });
  }
  return {
    url,
    pid: child.pid ?? -1,
    pids: [child.pid ?? -1],
    log: () => log,
    kill: () => end(child, 'SIGKILL').then(() => undefined),
    stop: () => end(child, 'SIGTERM'),
  };
}

async function expectListening(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
  return child.exitCode;
}

/** A port that stays free until it is listened on: neither another test nor an outgoing connection gets it. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('one port was asked for');
  return port;
}

const HEADERS = { 'gofer-api-version': 'v0', authorization: 'Bearer test', 'content-type': 'application/json' };

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** One request to the API. */
export async function api(
  server: { readonly url: string },
  method: string,
  route: string,
  body?: unknown,
): Promise<Answer> {
  const answer = await fetch(`${server.url}${route}`, {
    method,
    headers: HEADERS,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
}

/** The whole log of a task by the WebSocket of the contract. */
export async function readLog(url: string): Promise<string> {
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(url.replace(/^http/, 'ws'), {
    headers: { 'gofer-api-version': 'v0', authorization: 'Bearer test' },
  });
  let text = '';
  return new Promise((resolve, reject) => {
    socket.on('message', (data: Buffer) => (text += data.toString()));
    socket.on('error', reject);
    socket.on('close', (code: number, reason: Buffer) => {
      if (code === 1000) resolve(text);
      else reject(new Error(`log stream of ${url} closed with ${code}: ${reason.toString()}`));
    });
  });
}

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real CLI against a server. */
export async function gofer(
  server: { readonly url: string },
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly input?: string;
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    cwd: options.cwd ?? ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, GOFER_API_BASE_URL: server.url, NO_COLOR: '1', ...options.environment },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(options.input ?? '');
  await once(child, 'close');
  return { status: child.exitCode, stdout, stderr };
}
