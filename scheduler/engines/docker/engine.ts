// The Docker engine: the port on top of the Docker Engine API. An attempt is a container with a fixed name; how a body starts at
// most once is told in launch.ts and settle.ts.

import { randomUUID } from 'node:crypto';
import { AppError, errorText } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type {
  AttemptReport,
  AttemptSpec,
  Engine,
  EngineListener,
  ExecOptions,
  ExecSession,
  LogChunk,
  LogOptions,
  LookUpAnswer,
} from '../port.ts';
import type { Container } from './answers-parse.ts';
import { parseDaemonId } from './answers-parse.ts';
import type { DockerClient } from './client.ts';
import { linkAborts } from './deadline.ts';
import type { LaunchDeps } from './launch.ts';
import type { Marks } from './marks.ts';
import type { Stops } from './stops.ts';
import type { Submissions } from './submissions.ts';
import type { DockerAddress } from './address.ts';
import { addressScope, addressText } from './address.ts';
import type { BreakerState } from './breaker.ts';
import { createDockerClient } from './client.ts';
import { containerName, parseInstallation } from './container-spec.ts';
import { findAttempt, listContainers, removeEnded } from './containers.ts';
import { followEvents } from './events.ts';
import { openExec } from './exec.ts';
import { createHub } from './hub.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { launch } from './launch.ts';
import { readLogs } from './logs.ts';
import { createMarks } from './marks.ts';
import type { PullLimits } from './pull.ts';
import { createPulls } from './pull.ts';
import { isLeftover, reportOf } from './report.ts';
import { settle, unfinished, UnsettledError } from './settle.ts';
import { createStops } from './stops.ts';
import { createSubmissions } from './submissions.ts';

/** Inspections at once in a look-up or a list; the daemon does them one after the other anyway. */
const LOOKS_MAX = 16;

export interface DockerEngineOptions {
  readonly address: DockerAddress;
  /** 1 to 32 letters and digits. Installations with different ones may share a daemon. */
  readonly installation: string;
  readonly now?: () => number;
  readonly callDeadlineMs?: number;
  readonly pullLimits?: PullLimits;
  /** Instead of connections to the address: a simulated daemon. */
  readonly client?: DockerClient;
}

export interface DockerEngine extends Engine {
  readonly kind: 'docker';
  breakerState(): BreakerState;
}

/** Says what is wrong with a daemon, null when it answers and is new enough. */
export async function probeDocker(address: DockerAddress, deadlineMs: number): Promise<string | null> {
  const client = createDockerClient({ address, callDeadlineMs: deadlineMs });
  try {
    await client.expect({ method: 'GET', path: '/version' }, [200]);
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.detail ?? error.message;
    throw error;
  } finally {
    await client.close();
  }
}

/** Opens no connection before the first call. */
export function createDockerEngine(options: DockerEngineOptions): DockerEngine {
  return new EngineOnDocker(options);
}

class EngineOnDocker implements DockerEngine {
  readonly kind = 'docker';
  readonly reach: Engine['reach'];
  readonly #installation: string;
  readonly #creator = randomUUID();
  readonly #now: () => number;
  readonly #client: DockerClient;
  readonly #marks: Marks;
  readonly #stops: Stops;
  readonly #submissions: Submissions;
  readonly #hub = createHub();
  readonly #locked = createKeyedLock<AttemptId>();
  readonly #closing = new AbortController();
  #following: Promise<unknown> = Promise.resolve();
  #identity: string | null = null;

  constructor(options: DockerEngineOptions) {
    const { address, pullLimits, now = () => Date.now() } = options;
    this.reach = { scope: addressScope(address), where: addressText(address) };
    this.#installation = parseInstallation(options.installation);
    this.#now = now;
    this.#client = options.client ?? createDockerClient({ address, ...deadlineOf(options) });
    this.#marks = createMarks(this.#client, this.#installation);
    this.#stops = createStops(this.#client);
    this.#submissions = createSubmissions({
      launch: (spec, signal) => this.#locked(spec.id, () => launch(this.#launchDeps(), spec, signal)),
      pulls: createPulls({ client: this.#client, ...(pullLimits === undefined ? {} : { limits: pullLimits }) }),
      hub: this.#hub,
      look: (id) => this.#look(id, false),
      isForgotten: async (id) => (await this.#marks.read('forgotten', id)) !== null,
      now,
    });
  }

  /** The daemon's own id, which it keeps for good; behind any address it is the same. */
  async identity(): Promise<string> {
    if (this.#identity === null) {
      const { body } = await this.#client.expect({ method: 'GET', path: '/info' }, [200]);
      this.#identity = `docker ${parseDaemonId(body)}`;
    }
    return this.#identity;
  }

  submit(spec: AttemptSpec, { signal }: { readonly signal: AbortSignal }): Promise<AttemptReport> {
    return this.#submissions.submit(spec, signal);
  }

  lookup(ids: readonly AttemptId[], { fence = false } = {}): Promise<readonly LookUpAnswer[]> {
    return inParallel(ids, (id) => this.#look(id, fence).catch((error: unknown) => unclear(id, error)));
  }

  async list(): Promise<readonly AttemptReport[]> {
    const listed = await listContainers(this.#client, this.#installation);
    const inDaemon = listed.map(({ attempt }) => attempt).filter((id) => id !== null);
    const settling = await this.#marks.list('settling');
    const underWay = this.#submissions.list().map(({ id }) => id);
    const ids = new Set([...inDaemon, ...settling, ...underWay]);
    const reports = await inParallel([...ids], (id) => this.#look(id, false));
    return reports.filter(({ state }) => state !== 'unknown');
  }

  watch(listener: EngineListener, { signal }: { readonly signal: AbortSignal }): void {
    this.#hub.attach(listener, signal);
    const leaving = new AbortController();
    const unlink = linkAborts([signal, this.#closing.signal], leaving);
    const client = this.#client;
    const look = (id: AttemptId) => this.#look(id, false);
    const deps = { client, installation: this.#installation, hub: this.#hub, look };
    const follower = followEvents(deps, leaving.signal).finally(unlink);
    this.#following = Promise.all([this.#following, follower]);
  }

  async stop(id: AttemptId, { graceMs }: { readonly graceMs: number }): Promise<void> {
    await this.#submissions.cancel(id);
    let container = await this.#find(id);
    if (container === null || isLeftover(container)) {
      // From here on nobody starts this id, whoever gets its name; a start that came before the mark is seen now.
      await this.#marks.put('forgotten', id, '');
      container = await this.#find(id);
    }
    if (container === null) return;
    if (isLeftover(container)) await this.#locked(id, () => this.#settle(id));
    else if (container.running) await this.#stops.stop(container.containerId, graceMs);
  }

  logs(id: AttemptId, options: LogOptions): AsyncIterable<LogChunk> {
    return readLogs({ client: this.#client, installation: this.#installation, id }, options);
  }

  exec(id: AttemptId, options: ExecOptions): Promise<ExecSession> {
    const reference = containerName(this.#installation, id);
    return openExec({ client: this.#client, id, reference, now: this.#now }, options);
  }

  async forget(id: AttemptId): Promise<void> {
    await this.#submissions.cancel(id);
    await this.#locked(id, async () => {
      // First the mark: from here on nobody starts this id, whoever gets its name.
      await this.#marks.put('forgotten', id, '');
      const container = await this.#find(id);
      if (container !== null) await removeEnded(this.#client, container.containerId);
      await this.#marks.drop('settling', id);
      this.#submissions.drop(id);
      if (container !== null) this.#stops.drop(container.containerId);
    });
  }

  async tidy(): Promise<void> {
    // Ages are by the daemon's clock on both sides.
    await this.#marks.dropOldForgotten(await this.#client.now());
  }

  breakerState(): BreakerState {
    return this.#client.breakerState();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#submissions.close();
    await this.#client.close();
    await Promise.all([this.#following, this.#stops.done()]);
  }

  #launchDeps(): LaunchDeps {
    const sentSignals = (containerId: string) => this.#stops.sentSignals(containerId);
    const [client, marks, installation, creator] = [this.#client, this.#marks, this.#installation, this.#creator];
    return { client, marks, installation, creator, sentSignals };
  }

  #find(id: AttemptId): Promise<Container | null> {
    return findAttempt(this.#client, this.#installation, id);
  }

  async #look(id: AttemptId, fence: boolean): Promise<AttemptReport> {
    const container = await this.#find(id);
    if (container !== null && !isLeftover(container)) return this.#reportOf(id, container);
    // A start of this very process will come; one of anybody else may never come.
    const known = this.#submissions.known(id);
    if (known !== null) return known;
    if (container === null) return this.#withoutContainer(id, fence);
    return fence ? this.#locked(id, () => this.#settle(id)) : this.#reportOf(id, container);
  }

  /** Under the lock: a launch of this process is over by now. */
  async #settle(id: AttemptId): Promise<AttemptReport> {
    const container = await this.#find(id);
    if (container === null) return this.#withoutContainer(id, true);
    if (isLeftover(container)) return settle(this.#launchDeps(), id, container.containerId);
    return this.#reportOf(id, container);
  }

  async #withoutContainer(id: AttemptId, fence: boolean): Promise<AttemptReport> {
    const mark = await this.#marks.read('settling', id);
    if (mark === null) return { id, state: 'unknown' };
    const report = await unfinished(this.#launchDeps(), id, mark);
    if (fence && report.state === 'pending') throw new UnsettledError(report.note);
    return report;
  }

  #reportOf(id: AttemptId, container: Container): AttemptReport {
    return reportOf(id, container, this.#stops.sentSignals(container.containerId));
  }
}

function unclear(id: AttemptId, error: unknown): LookUpAnswer {
  if (error instanceof UnsettledError) return { id, state: 'unclear', why: errorText(error) };
  throw error;
}

function deadlineOf({ callDeadlineMs }: DockerEngineOptions): { readonly callDeadlineMs?: number } {
  return callDeadlineMs === undefined ? {} : { callDeadlineMs };
}

/** In the order of the ids, a few at a time. */
async function inParallel<T>(ids: readonly AttemptId[], work: (id: AttemptId) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let start = 0; start < ids.length; start += LOOKS_MAX) {
    results.push(...(await Promise.all(ids.slice(start, start + LOOKS_MAX).map(work))));
  }
  return results;
}
