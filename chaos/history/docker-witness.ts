// The witness of containers: the daemon's own event stream tells of every start, whoever asked for it, and the nodes' proxies tell who
// asked. It is read past all proxies, from before the first start, and goes on where it was when the daemon was restarted. A daemon
// that is killed may take an event with it: what it then still knows of its containers is asked for.

import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { BodyMark } from '../checks/evidence.ts';
import { startsIn } from '../links/docker-requests.ts';
import { ask } from '../links/docker-call.ts';
import { parseAttemptContainers, parseContainerEvent, parseContainerLife } from './parse-docker.ts';
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
const OK = 200;
const NANOS_PER_MILLI = 1_000_000n;
const NANOS_PER_SECOND = 1_000_000_000n;
/** The daemon writes a start down, and then tells of it. */
const ASKED_EARLY_NANOS = 5n * NANOS_PER_SECOND;
/** An event that the daemon has made is on its way to us for less than this. */
const CATCH_UP_MS = 500;

/** Resolves once the stream stands. */
export async function watchDocker({ socket, starterOf }: DockerWitnessOptions): Promise<Witness> {
  const over = new AbortController();
  const marks: BodyMark[] = [];
  const listeners = new Set<(mark: BodyMark) => void>();
  const told = new ToldEvents((event) => {
    const mark = markOf(event, starterOf);
    if (mark === null) return;
    marks.push(mark);
    for (const listener of listeners) listener(mark);
  });
  let ready: () => void = () => undefined;
  const isReady = new Promise<void>((resolve) => (ready = resolve));

  async function follow(): Promise<void> {
    for (let times = 0; !over.signal.aborted; times += 1) {
      const onOpen = () => {
        ready();
        if (times > 0) askForMissed(socket, told, over.signal).catch(() => undefined);
      };
      const reading = { socket, since: told.since(), signal: over.signal, onOpen };
      await readEvents({ ...reading, take: (line) => told.take(line) }).catch(() => undefined);
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

/** Hears of everything once, by event or by answer. */
class ToldEvents {
  readonly #note: (event: ContainerEvent) => void;
  readonly #seen = new Set<string>();
  /** What was asked for, by container and action, with its time. */
  readonly #asked = new Map<string, bigint>();
  #newest = BigInt(Date.now()) * NANOS_PER_MILLI;

  constructor(note: (event: ContainerEvent) => void) {
    this.#note = note;
  }

  /** From where the next stream has to go on. */
  since(): string {
    return `${this.#newest / NANOS_PER_SECOND}.${String(this.#newest % NANOS_PER_SECOND).padStart(9, '0')}`;
  }

  take(line: string): void {
    const event = parseContainerEvent(line);
    if (event === null || event.attempt === '') return;
    // What a stream that was taken up again tells a second time.
    const id = `${nameOf(event)} ${event.at}`;
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    if (event.at > this.#newest) this.#newest = event.at;
    if (!this.#isKnown(event)) this.#tell(event);
  }

  /** What the daemon answered, unless its event came. */
  answer(event: ContainerEvent): void {
    if (this.#seen.has(nameOf(event))) return;
    this.#asked.set(nameOf(event), event.at);
    this.#tell(event);
  }

  /** It was asked for a moment before its event came. Once only, and not much later: a second start is one. */
  #isKnown(event: ContainerEvent): boolean {
    const known = this.#asked.get(nameOf(event));
    this.#asked.delete(nameOf(event));
    return known !== undefined && event.at < known + ASKED_EARLY_NANOS;
  }

  #tell(event: ContainerEvent): void {
    this.#seen.add(nameOf(event));
    this.#note(event);
  }
}

function nameOf({ containerId, action }: ContainerEvent): string {
  return `${containerId} ${action}`;
}

async function askForMissed(socket: string, told: ToldEvents, signal: AbortSignal): Promise<void> {
  const { body: list } = await ask(socket, { path: '/containers/json?all=1', signal });
  for (const { containerId, attempt } of parseAttemptContainers(list)) {
    const { body, status } = await ask(socket, { path: `/containers/${containerId}/json`, signal });
    if (status !== OK) continue;
    const { startedAt, endedAt, exitCode } = parseContainerLife(body);
    const facts = { containerId, attempt, exitCode: String(exitCode) };
    if (startedAt !== null) told.answer({ ...facts, action: 'start', at: BigInt(startedAt) * NANOS_PER_MILLI });
    if (endedAt !== null) told.answer({ ...facts, action: 'die', at: BigInt(endedAt) * NANOS_PER_MILLI });
  }
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
