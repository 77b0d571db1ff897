// A node's connection to the simulated Docker daemon: the client that the real Docker engine is built on, with every call and every
// piece of a stream on the wire. A connection that is lost is noticed after a while, as by TCP, and not only at the call's own deadline.

import type { Call, DockerClient } from '../../scheduler/engines/docker/client.ts';
import type { Answer, StreamAnswer } from '../../scheduler/engines/docker/http-answer.ts';
import { createDockerEngine } from '../../scheduler/engines/docker/engine.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import { AppError } from '../../store/model/errors.ts';
import { wallMs } from './clocks.ts';
import type { DaemonCall, DockerDaemon } from './docker-daemon.ts';
import type { Process, Universe } from './universe.ts';
import type { Wire } from './wire.ts';
import { LinkError } from './wire.ts';

export interface DockerLinkDeps {
  readonly universe: Universe;
  readonly wire: Wire;
  readonly process: Process;
  readonly daemon: DockerDaemon;
}

const CONNECTION_LOST_MS = 2_000;

const ADDRESS = { kind: 'tcp', host: 'docker.example', port: 2375, tls: null } as const;

export function createDockerLink(deps: DockerLinkDeps): Engine {
  return createDockerEngine({ address: ADDRESS, installation: 'simulated', client: createClient(deps) });
}

function createClient(deps: DockerLinkDeps): DockerClient {
  const { universe, daemon } = deps;

  async function call(wanted: Call): Promise<Answer> {
    const request = daemonCall(deps, wanted);
    return ask(deps, wanted, () => daemon.serve(request));
  }

  return {
    address: ADDRESS,
    call,
    expect: async (wanted, statuses) => {
      const answer = await call(wanted);
      if (statuses.includes(answer.status)) return answer;
      const detail = `${wanted.method} ${wanted.path}: ${answer.status}`;
      throw new AppError('unavailable', 'Docker refused a call.', { detail });
    },
    stream: (wanted) => openStream(deps, wanted),
    upgrade: async () => {
      throw new AppError('unavailable', 'Simulated bodies have no room for a second process.');
    },
    now: () => ask(deps, { method: 'GET', path: '/_ping' }, async () => wallMs(universe, null)),
    breakerState: () => 'closed',
    close: async () => undefined,
  };
}

function daemonCall({ universe }: DockerLinkDeps, { method, path, query = {}, body = null }: Call): DaemonCall {
  return { method, path, query, body, sentMs: universe.nowMs };
}

/** "create gofer-..." or "start container7": what traps are set on. */
function callName({ method, path, query }: Call): string {
  const [, root = '', reference = '', action = ''] = path.split('/');
  const verb = method === 'DELETE' ? 'delete' : action || reference || root;
  return `${verb} ${query?.['name'] ?? reference}`;
}

async function ask<T>({ wire, process }: DockerLinkDeps, wanted: Call, serve: () => Promise<T>): Promise<T> {
  const deadlineMs = Math.min(wanted.deadlineMs ?? CONNECTION_LOST_MS, CONNECTION_LOST_MS);
  try {
    wanted.signal?.throwIfAborted();
    return await wire.call({ process, place: 'engine', call: callName(wanted), deadlineMs }, serve);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    throw new AppError('unavailable', 'The Docker daemon is not reachable.', { detail: error.message, cause: error });
  }
}

async function openStream(deps: DockerLinkDeps, wanted: Call): Promise<StreamAnswer> {
  const { daemon } = deps;
  const request = daemonCall(deps, wanted);
  const pipe = new Pipe(deps);
  const close = () => pipe.close();
  wanted.signal?.addEventListener('abort', close, { once: true });
  const status = await ask(deps, wanted, async () => {
    if (wanted.path === '/events') {
      pipe.source(
        daemon.follow(request.query, { tell: (line) => pipe.put(Buffer.from(line)), broken: () => pipe.break() }),
      );
      if (request.query['until'] !== undefined) endAt(deps, Number(request.query['until']) * 1_000, pipe);
      return 200;
    }
    const whole = wholeAnswer(daemon, wanted.path);
    if (whole !== undefined) {
      if (whole === null) return 404;
      pipe.put(whole);
      pipe.end();
      return 200;
    }
    const answer = await daemon.serve(request);
    pipe.end();
    return answer.status;
  });
  return { status, bytes: pipe, close };
}

/** By the daemon's clock. */
function endAt({ universe }: DockerLinkDeps, atMs: number, pipe: Pipe): void {
  universe.after(Math.max(0, atMs - wallMs(universe, null)), null, () => pipe.end());
}

/** Undefined: not one of the answers that are read as streams. */
function wholeAnswer(daemon: DockerDaemon, path: string): Uint8Array | null | undefined {
  if (path.endsWith('/logs')) return daemon.log(path);
  return path.endsWith('/changes') ? daemon.changes(path) : undefined;
}

type Piece = Uint8Array | 'end' | 'broken';

/** A stream from the daemon to a node: in order, and broken as soon as a piece of it is lost. */
class Pipe implements AsyncIterableIterator<Uint8Array> {
  readonly #deps: DockerLinkDeps;
  readonly #arrived: Piece[] = [];
  #stopSource: () => void = () => undefined;
  #lastMs = 0;
  #isClosed = false;
  #wake: (() => void) | null = null;

  constructor(deps: DockerLinkDeps) {
    this.#deps = deps;
  }

  source(stop: () => void): void {
    this.#stopSource = stop;
    if (this.#isClosed) stop();
  }

  put(bytes: Uint8Array): void {
    this.#send(bytes);
  }

  end(): void {
    this.#send('end');
  }

  break(): void {
    if (!this.#isClosed) this.#deliver('broken', this.#deps.universe.nowMs + CONNECTION_LOST_MS / 4);
  }

  #send(piece: Piece): void {
    const { universe, wire, process } = this.#deps;
    if (!process.isAlive) this.#stopSource();
    if (this.#isClosed) return;
    const delayMs = wire.send({ from: process.name, to: 'engine', back: true });
    if (delayMs === null || wire.down.has('engine')) {
      this.#stopSource();
      this.#deliver('broken', universe.nowMs + CONNECTION_LOST_MS / 4);
    } else this.#deliver(piece, universe.nowMs + delayMs);
  }

  #deliver(piece: Piece, atMs: number): void {
    const { universe, process } = this.#deps;
    this.#lastMs = Math.max(this.#lastMs, atMs);
    universe.after(this.#lastMs - universe.nowMs, process, () => {
      this.#arrived.push(piece);
      this.#wake?.();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#stopSource();
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    while (!this.#isClosed && this.#arrived.length === 0) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
    const piece = this.#isClosed ? 'end' : this.#arrived.shift();
    if (piece === 'broken') {
      this.close();
      throw new AppError('unavailable', 'The connection to the Docker daemon broke.');
    }
    if (piece === 'end' || piece === undefined) return { done: true, value: undefined };
    return { done: false, value: piece };
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
