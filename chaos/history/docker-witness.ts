// The witness of containers: the daemon's own event stream tells of every start, whoever asked for it, and the nodes' proxies tell who
// asked. It is read past all proxies, from before the first start, and goes on where it was when the daemon was restarted.

import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { BodyMark } from '../checks/evidence.ts';
import { startsIn } from '../links/docker-requests.ts';
import { parseContainerEvent } from './parse-docker.ts';
import type { ContainerEvent } from './parse-docker.ts';
import type { Witness } from './witness.ts';

export interface Starters {
  hear(node: string, chunk: Buffer): void;
  /** Who asked last for the start of this container, and when; null = nobody known. */
  starterOf(containerId: string): Starter | null;
}

export interface Starter {
  readonly node: string;
  readonly at: number;
}

export function createStarters(): Starters {
  const starters = new Map<string, Starter>();
  return {
    hear: (node, chunk) => startsIn(chunk).forEach((id) => starters.set(id, { node, at: performance.now() })),
    starterOf: (id) => starters.get(id) ?? null,
  };
}

export interface DockerWitnessOptions {
  readonly socket: string;
  readonly starterOf: Starters['starterOf'];
}

const AGAIN_MS = 50;
const NANOS_PER_MILLI = 1_000_000n;
const NANOS_PER_SECOND = 1_000_000_000n;
/** An event that the daemon has made is on its way to us for less than this. */
const CATCH_UP_MS = 500;

/** Resolves once the stream stands. */
export async function watchDocker({ socket, starterOf }: DockerWitnessOptions): Promise<Witness> {
  const over = new AbortController();
  const marks: BodyMark[] = [];
  const listeners = new Set<(mark: BodyMark) => void>();
  const seen = new Set<string>();
  let newest = BigInt(Date.now()) * NANOS_PER_MILLI;
  let ready: () => void = () => undefined;
  const isReady = new Promise<void>((resolve) => (ready = resolve));

  function take(line: string): void {
    const event = parseContainerEvent(line);
    if (event === null || event.attempt === '') return;
    // What a stream that was taken up again tells a second time.
    const id = `${event.containerId} ${event.action} ${event.at}`;
    if (seen.has(id)) return;
    seen.add(id);
    if (event.at > newest) newest = event.at;
    const mark = markOf(event, starterOf);
    if (mark === null) return;
    marks.push(mark);
    for (const listener of listeners) listener(mark);
  }

  async function follow(): Promise<void> {
    while (!over.signal.aborted) {
      const since = `${newest / NANOS_PER_SECOND}.${String(newest % NANOS_PER_SECOND).padStart(9, '0')}`;
      await readEvents({ socket, since, signal: over.signal, onOpen: ready, take }).catch(() => undefined);
      await pause(AGAIN_MS);
    }
  }

  const following = follow();
  await isReady;
  return {
    marks,
    onMark: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    catchUp: () => pause(CATCH_UP_MS),
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await following;
    },
  };
}

function markOf(event: ContainerEvent, starterOf: Starters['starterOf']): BodyMark | null {
  if (event.action === 'die' && event.exitCode !== '0') return null;
  const at = performance.now() - (Date.now() - Number(event.at / NANOS_PER_MILLI));
  const { attempt } = event;
  if (event.action === 'die') return { mark: 'end', attempt, at, node: '' };
  const starter = starterOf(event.containerId);
  return { mark: 'start', attempt, at, node: starter?.node ?? '', ...(starter === null ? {} : { asked: starter.at }) };
}

interface Reading {
  readonly socket: string;
  readonly since: string;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly take: (line: string) => void;
}

async function readEvents({ socket, since, signal, onOpen, take }: Reading): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['start', 'die'] }));
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.get(
      { socketPath: socket, path: `/events?since=${since}&filters=${filters}`, signal },
      resolve,
    );
    request.on('error', reject);
  });
  onOpen();
  let rest = '';
  for await (const chunk of answer) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') take(line);
  }
}
