// A Docker daemon, as far as the engine in scheduler/engines/docker needs one: containers with exclusive names that may be started any
// number of times, volumes, and an event stream with a short memory. Its answers have the shape of the real one's. All nodes of a
// world reach the same daemon. It can be killed in the middle of a start, which it then knows nothing of, or only the end.

import { attemptId, parseAttemptId } from '../../store/model/ids.ts';
import type { AttemptEnd } from '../../store/model/run.ts';
import type { Bodies, RunningBody } from './bodies.ts';
import { wallMs } from './clocks.ts';
import { logText } from './engine-host.ts';
import type { Universe } from './universe.ts';
import { LinkError } from './wire.ts';

export interface DaemonCall {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** When it left its node. */
  readonly sentMs: number;
}

export interface DaemonAnswer {
  readonly status: number;
  readonly body: unknown;
}

interface Container {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly created: string;
  state: 'created' | 'running' | 'exited';
  startedAt: string;
  finishedAt: string;
  exitCode: number;
  body: RunningBody | null;
  /** What is mounted in it: directories that are made when it is started. */
  readonly mounts: readonly string[];
  /** The daemon was killed before it wrote the start down, and will not hear of the end either. */
  isForgotten: boolean;
  readonly onEnd: Set<() => void>;
}

interface Volume {
  readonly Name: string;
  readonly CreatedAt: string;
  readonly Labels: Readonly<Record<string, string>>;
}

interface DaemonEvent {
  readonly atS: number;
  readonly line: string;
  readonly container: Container;
  readonly action: string;
}

/** What a daemon that was killed while it started a container knows of the body. */
export type Recall = 'nothing' | 'end';

interface Reader {
  readonly tell: (event: DaemonEvent) => void;
  readonly broken: () => void;
}

export interface Following {
  readonly tell: (line: string) => void;
  /** The connection is gone with the daemon. */
  readonly broken: () => void;
}

export interface DaemonDeps {
  readonly universe: Universe;
  readonly bodies: Bodies;
  /** For the mutation list: a name that any number of containers may have, volumes that are not kept, changes that are not told. */
  readonly broken: { readonly claim: boolean; readonly tombstone: boolean; readonly trace: boolean };
}

const NEVER = '0001-01-01T00:00:00Z';
/** As in Docker itself, of all containers together. */
const EVENTS_REMEMBERED = 256;
const ATTEMPT_LABEL = 'io.gofer.attempt';
const ABSENT: DaemonAnswer = { status: 404, body: { message: 'no such object' } };

export class DockerDaemon {
  readonly #deps: DaemonDeps;
  readonly #containers = new Map<string, Container>();
  readonly #volumes = new Map<string, Volume>();
  readonly #events: DaemonEvent[] = [];
  readonly #readers = new Set<Reader>();
  #made = 0;
  #doom: { readonly recall: Recall; readonly onDeath: () => void } | null = null;

  constructor(deps: DaemonDeps) {
    this.#deps = deps;
  }

  /** Containers that are there, whatever their state. */
  held(): readonly { readonly id: string; readonly state: string }[] {
    return [...this.#containers.values()].map(({ labels, state }) => ({ id: labels[ATTEMPT_LABEL] ?? '', state }));
  }

  /** It is killed in the middle of the next start. */
  killAtNextStart(recall: Recall, onDeath: () => void): void {
    this.#doom = { recall, onDeath };
  }

  heal(): void {
    this.#doom = null;
  }

  async serve(call: DaemonCall): Promise<DaemonAnswer> {
    const [, root = '', reference = '', action = ''] = call.path.split('/').map(decodeURIComponent);
    if (root === 'volumes') return this.#serveVolumes(call, reference);
    if (root === 'info') return { status: 200, body: { ID: 'the simulated daemon' } };
    if (root !== 'containers') return ABSENT;
    if (reference === 'create') return this.#create(call);
    if (reference === 'json') return { status: 200, body: [...this.#containers.values()].map(listed) };
    const container = this.#find(reference);
    if (container === null) return ABSENT;
    if (call.method === 'DELETE') return this.#remove(container, call.sentMs);
    switch (action) {
      case 'json':
        return { status: 200, body: inspected(container) };
      case 'start':
        return this.#start(container);
      case 'stop':
        return this.#stop(container, Number(call.query['t'] ?? '10') * 1_000);
      case 'kill':
        return this.#kill(container);
      default:
        return ABSENT;
    }
  }

  /** What a log stream brings: frames of one line each. Null = no such container. */
  log(path: string): Uint8Array | null {
    const container = this.#find(decodeURIComponent(path.split('/')[2] ?? ''));
    if (container === null) return null;
    if (container.state === 'created') return Buffer.alloc(0);
    const id = container.body?.truth.id;
    const payload = Buffer.from(`${container.startedAt} ${id === undefined ? '' : logText(id)}`);
    const head = Buffer.alloc(8);
    head.writeUInt8(1, 0);
    head.writeUInt32BE(payload.length, 4);
    return Buffer.concat([head, payload]);
  }

  /** Mountpoints are made in the container's own layer by its first start. Null = no such container. */
  changes(path: string): Uint8Array | null {
    const container = this.#find(decodeURIComponent(path.split('/')[2] ?? ''));
    if (container === null) return null;
    const made =
      container.body === null || this.#deps.broken.trace
        ? null
        : container.mounts.map((mount) => ({ Path: mount, Kind: 1 }));
    return Buffer.from(JSON.stringify(made));
  }

  /** Remembered events since then, and those to come, until the function returned is called. */
  follow(query: Readonly<Record<string, string>>, { tell, broken }: Following): () => void {
    const isWanted = filterOf(query['filters'] ?? '{}');
    const since = Number(query['since'] ?? '0');
    for (const event of this.#events) if (event.atS >= since && isWanted(event)) tell(event.line);
    const reader: Reader = {
      broken,
      tell: (event) => {
        if (isWanted(event)) tell(event.line);
      },
    };
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  #now(): string {
    return new Date(wallMs(this.#deps.universe, null)).toISOString();
  }

  #find(reference: string): Container | null {
    const byId = this.#containers.get(reference);
    if (byId !== undefined) return byId;
    return [...this.#containers.values()].find(({ name }) => name === reference) ?? null;
  }

  #emit(container: Container, action: string): void {
    const atS = Math.floor(wallMs(this.#deps.universe, null) / 1_000);
    const line = JSON.stringify({ Action: action, Actor: { ID: container.id, Attributes: container.labels } });
    const event: DaemonEvent = { atS, line: `${line}\n`, container, action };
    this.#events.push(event);
    if (this.#events.length > EVENTS_REMEMBERED) this.#events.shift();
    for (const reader of this.#readers) reader.tell(event);
  }

  #create({ query, body }: DaemonCall): DaemonAnswer {
    const name = query['name'] ?? '';
    if (this.#find(name) !== null && !this.#deps.broken.claim) {
      return { status: 409, body: { message: `Conflict. The container name "/${name}" is already in use` } };
    }
    this.#made += 1;
    const container: Container = {
      ...{ id: `container${this.#made}`, name, labels: labelsIn(body), created: this.#now() },
      ...{ state: 'created', startedAt: NEVER, finishedAt: NEVER, exitCode: 0, body: null, onEnd: new Set() },
      ...{ mounts: mountsIn(body), isForgotten: false },
    };
    this.#containers.set(container.id, container);
    this.#emit(container, 'create');
    return { status: 201, body: { Id: container.id } };
  }

  /** As the real one: a container that has ended is started again when it is asked to. */
  #start(container: Container): DaemonAnswer {
    if (container.state === 'running') return { status: 304, body: null };
    const { bodies } = this.#deps;
    const key = parseAttemptId(container.labels[ATTEMPT_LABEL] ?? '');
    if (key === null) return { status: 400, body: { message: 'not an attempt' } };
    container.state = 'running';
    container.startedAt = this.#now();
    container.finishedAt = NEVER;
    container.body = bodies.start(attemptId(key, key.attempt), (end) => this.#ended(container, end));
    if (this.#doom !== null) throw this.#die(container, this.#doom);
    this.#emit(container, 'start');
    return { status: 204, body: null };
  }

  /** Killed before it wrote down what it had just started. Its events were in its memory only. */
  #die(starting: Container, { recall, onDeath }: { readonly recall: Recall; readonly onDeath: () => void }): Error {
    this.#doom = null;
    starting.startedAt = NEVER;
    if (recall === 'nothing') {
      starting.state = 'created';
      starting.isForgotten = true;
      if (starting.body !== null) starting.body.truth.tracesTaken = true;
    }
    this.#events.length = 0;
    for (const { broken } of this.#readers) broken();
    this.#readers.clear();
    onDeath();
    return new LinkError('refused', 'engine');
  }

  #ended(container: Container, end: AttemptEnd): void {
    if (container.isForgotten) return;
    container.state = 'exited';
    container.finishedAt = this.#now();
    container.exitCode = exitCodeOf(end);
    this.#emit(container, 'die');
    for (const tell of container.onEnd) tell();
    container.onEnd.clear();
  }

  #stop(container: Container, graceMs: number): Promise<DaemonAnswer> {
    const { body } = container;
    if (container.state !== 'running' || body === null) return Promise.resolve({ status: 304, body: null });
    body.terminate();
    this.#deps.universe.after(graceMs, null, () => body.kill());
    return new Promise((resolve) => container.onEnd.add(() => resolve({ status: 204, body: null })));
  }

  #kill(container: Container): DaemonAnswer {
    if (container.state !== 'running') return { status: 409, body: { message: 'container is not running' } };
    container.body?.kill();
    return { status: 204, body: null };
  }

  #remove(container: Container, sentMs: number): DaemonAnswer {
    if (container.state === 'running') {
      return { status: 409, body: { message: 'You cannot remove a running container' } };
    }
    const truth = container.body?.truth;
    if (truth !== undefined && truth.startedMs > sentMs) truth.tracesTaken = true;
    this.#containers.delete(container.id);
    this.#emit(container, 'destroy');
    return { status: 204, body: null };
  }

  #serveVolumes({ method, query, body }: DaemonCall, reference: string): DaemonAnswer {
    if (reference === 'create') return { status: 201, body: this.#createVolume(body) };
    if (reference === '') {
      const wanted = labelFilter(query['filters'] ?? '{}');
      return { status: 200, body: { Volumes: [...this.#volumes.values()].filter(({ Labels }) => wanted(Labels)) } };
    }
    const volume = this.#volumes.get(reference);
    if (volume === undefined) return ABSENT;
    if (method !== 'DELETE') return { status: 200, body: volume };
    this.#volumes.delete(reference);
    return { status: 204, body: null };
  }

  #createVolume(body: unknown): Volume {
    const name = isObject(body) && typeof body['Name'] === 'string' ? body['Name'] : '';
    const known = this.#volumes.get(name);
    if (known !== undefined) return known;
    const volume: Volume = { Name: name, CreatedAt: this.#now(), Labels: labelsIn(body) };
    if (!this.#deps.broken.tombstone || !name.endsWith('.forgotten')) this.#volumes.set(name, volume);
    return volume;
  }
}

function listed({ id, labels, created, state }: Container): object {
  return { Id: id, Labels: labels, Created: Math.floor(Date.parse(created) / 1_000), State: state };
}

function inspected({ id, labels, created, state, startedAt, finishedAt, exitCode }: Container): object {
  return {
    Config: { Labels: labels },
    ...{ Id: id, Created: created },
    State: {
      ...{ Status: state, Running: state === 'running', OOMKilled: false, Error: '' },
      ...{ ExitCode: exitCode, StartedAt: startedAt, FinishedAt: finishedAt },
    },
  };
}

function exitCodeOf(end: AttemptEnd): number {
  if (end.kind === 'exited') return end.code;
  if (end.kind === 'signalled') return end.signal === 'SIGKILL' ? 137 : 143;
  return 1;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function labelsIn(body: unknown): Readonly<Record<string, string>> {
  const labels = isObject(body) && isObject(body['Labels']) ? body['Labels'] : {};
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}

function mountsIn(body: unknown): readonly string[] {
  const host = isObject(body) && isObject(body['HostConfig']) ? body['HostConfig'] : {};
  return isObject(host['Tmpfs']) ? Object.keys(host['Tmpfs']) : [];
}

/** `filters` as Docker takes it: for each name the values of which one must fit; labels must all fit. */
function filterOf(text: string): (event: DaemonEvent) => boolean {
  const filters: unknown = JSON.parse(text);
  const values = (name: string) => (isObject(filters) && Array.isArray(filters[name]) ? filters[name].map(String) : []);
  const containers = values('container');
  const actions = values('event');
  const hasLabels = labelFilter(text);
  return ({ container, action }) =>
    (containers.length === 0 || containers.includes(container.id)) &&
    (actions.length === 0 || actions.includes(action)) &&
    hasLabels(container.labels);
}

function labelFilter(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const filters: unknown = JSON.parse(text);
  const wanted = isObject(filters) && Array.isArray(filters['label']) ? filters['label'].map(String) : [];
  return (labels) =>
    wanted.every((pair) => Object.entries(labels).some(([name, value]) => pair === `${name}=${value}`));
}
