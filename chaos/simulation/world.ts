// One simulated history: builds the world that a plan describes, lets it run, checks every invariant after every step, and says what
// was broken first.

import { keys } from '../../store/keys.ts';
import { createMemoryStore } from '../../store/state/memory/memory-store.ts';
import type { StateStore, WatchBatch } from '../../store/state/port.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { createBodies } from './bodies.ts';
import type { BodyTruth } from './bodies.ts';
import { createBodyChecks } from './check-bodies.ts';
import { createEndChecks } from './check-end.ts';
import { createRecordChecks } from './check-records.ts';
import type { Author, Checks, Chronicle, Effect, Fail, Violation } from './chronicle.ts';
import { createChronicle } from './chronicle.ts';
import { createClients } from './clients.ts';
import type { Clocks } from './clocks.ts';
import { createEngineHost } from './engine-host.ts';
import type { EngineHost } from './engine-host.ts';
import { DockerDaemon } from './docker-daemon.ts';
import { createDockerLink } from './docker-link.ts';
import { createEngineLink, plainEngine } from './engine-link.ts';
import { prepareStore } from './fixtures.ts';
import type { Mutation } from './mutation.ts';
import { NO_MUTATION } from './mutation.ts';
import { createNemesis } from './nemesis.ts';
import { startNode } from './node.ts';
import type { NodeDeps, NodeDisk, RunningNode } from './node.ts';
import { createPeerNetwork } from './peer-link.ts';
import type { Plan } from './plan.ts';
import { createChance } from './random.ts';
import { Signatures } from './signatures.ts';
import { createUniverse } from './universe.ts';
import type { Process, Universe } from './universe.ts';
import { createWire } from './wire.ts';

export interface Outcome {
  /** The first thing that must not be; null = all went well. */
  readonly violation: Violation | null;
  readonly traceHash: number;
  readonly events: number;
  readonly virtualMs: number;
  /** What happened at all: a history without leaders or runs proves nothing. */
  readonly counts: { readonly terms: number; readonly runs: number; readonly bodies: number };
}

export interface WorldOptions {
  readonly plan: Plan;
  readonly clocks: Clocks;
  readonly mutation?: Mutation;
  readonly onNote?: (atMs: number, line: string) => void;
}

/** After the healing everything has so long to come to its end: the longest waits of the code under test are 15 s. */
const SETTLE_MS = 60_000;
/** How often it is asked whether all has come to its end. */
const LOOK_MS = 250;
/** A history of ten seconds has some thousands of events; one with so many spins. */
const EVENTS_MAX = 150_000;
/** A node is started again by whatever supervises it. */
const RESTART_MS = 400;

export async function runWorld(options: WorldOptions): Promise<Outcome> {
  const world = new SimulatedWorld(options);
  return world.run();
}

class SimulatedWorld {
  readonly #plan: Plan;
  readonly #universe: Universe;
  readonly #store: StateStore;
  readonly #chronicle: Chronicle;
  readonly #checks: Checks[] = [];
  readonly #signatures: Signatures;
  readonly #arrived: WatchBatch[] = [];
  readonly #nodes = new Map<string, RunningNode>();
  readonly #disks = new Map<string, NodeDisk & { lives: number }>();
  readonly #host: EngineHost;
  readonly #daemon: DockerDaemon;
  readonly #nodeDeps: NodeDeps;
  readonly #wire;
  readonly #peers;
  readonly #blobs = new Map<string, Buffer>();
  #revision = 0;
  readonly #mutation: Mutation;
  #violation: Violation | null = null;
  #isHealed = false;
  #isOver = false;

  constructor({ plan, clocks, mutation = NO_MUTATION, onNote }: WorldOptions) {
    this.#plan = plan;
    this.#mutation = mutation;
    const universe = createUniverse(onNote ?? null);
    this.#universe = universe;
    clocks.enter(universe, createChance(plan.seed, 'ids'));
    this.#wire = createWire(universe, createChance(plan.seed, 'network'));
    this.#peers = createPeerNetwork(universe, this.#wire);
    this.#store = createMemoryStore({
      clock: { now: () => universe.nowMs, setTimer: (delayMs, run) => universe.after(delayMs, null, run) },
      defer: queueMicrotask,
    });
    this.#signatures = new Signatures({ store: this.#store, fail: this.#fail });
    const truths = new Map<AttemptId, BodyTruth>();
    this.#chronicle = createChronicle(() => universe.nowMs, truths);
    const bodies = createBodies({
      universe,
      seed: plan.seed,
      truths,
      onStart: (truth) => this.#each('bodyStarted', truth),
    });
    this.#host = createEngineHost({ universe, bodies, broken: mutation.host });
    this.#daemon = new DockerDaemon({ universe, bodies, broken: mutation.host });
    this.#nodeDeps = this.#depsOfNodes();
  }

  async run(): Promise<Outcome> {
    const universe = this.#universe;
    const onRejection = (error: unknown) => this.#fail('I20', `a rejection was not heard: ${String(error)}`);
    process.on('unhandledRejection', onRejection);
    try {
      await prepareStore(this.#store);
      await this.#watchStore();
      this.#populate();
      await universe.run(
        () => this.#isOver || this.#violation !== null,
        () => this.#afterStep(),
      );
    } finally {
      process.off('unhandledRejection', onRejection);
    }
    const { reigns, runs, truths } = this.#chronicle;
    return {
      violation: this.#violation,
      traceHash: universe.traceHash,
      events: universe.events,
      virtualMs: universe.nowMs,
      counts: { terms: reigns.size, runs: runs.size, bodies: truths.size },
    };
  }

  readonly #fail: Fail = (id, what) => {
    if (this.#violation !== null) return;
    this.#violation = { id, what, atMs: this.#universe.nowMs };
    this.#universe.note(() => `BROKEN ${id}: ${what}`);
  };

  #each(moment: 'bodyStarted', truth: BodyTruth): void;
  #each(moment: 'acted', effect: Effect): void;
  #each(moment: 'bodyStarted' | 'acted', what: BodyTruth | Effect): void {
    // What was committed before this very moment has to be known by now.
    this.#takeCommits();
    for (const check of this.#checks) {
      if (moment === 'bodyStarted' && 'starts' in what) check.bodyStarted?.(what, this.#fail);
      if (moment === 'acted' && 'call' in what) check.acted?.(what, this.#fail);
    }
  }

  async #watchStore(): Promise<void> {
    const everything = { start: '!', end: '~' };
    const { signal } = new AbortController();
    const batches = await this.#store.watch(everything, { signal });
    const follow = async () => {
      for await (const batch of batches) this.#arrived.push(batch);
    };
    follow().catch((error: unknown) => this.#fail('I20', `the checks lost sight of the store: ${String(error)}`));
  }

  #populate(): void {
    const { plan } = { plan: this.#plan };
    const universe = this.#universe;
    const nodeNames = plan.nodes.map(({ name }) => name);
    for (const name of nodeNames) {
      this.#disks.set(name, { name, remembered: null, lives: 0 });
      this.#startNode(name);
    }
    const nemesis = createNemesis({
      ...{ universe, wire: this.#wire, store: this.#store, chronicle: this.#chronicle, nodeNames },
      processOf: (name) => this.#nodes.get(name)?.process ?? null,
      crash: (name) => this.#crash(name),
      start: (name) => this.#startNode(name),
      sleepy: this.#signatures.sleepy,
      daemon: this.#daemon,
      revision: () => this.#revision,
    });
    const clients = createClients({
      ...{ universe, wire: this.#wire, chronicle: this.#chronicle, nodeNames, fail: this.#fail },
      nodeAt: (name) => this.#nodes.get(name) ?? null,
    });
    this.#checks.push(...createRecordChecks(this.#chronicle), ...createBodyChecks(this.#chronicle), ...clients.checks);
    this.#checks.push(createEndChecks({ chronicle: this.#chronicle, held: () => this.#held(), blobs: this.#blobs }));
    for (const fault of plan.faults) universe.after(fault.atMs, null, () => nemesis.strike(fault));
    for (const [number, demand] of plan.demands.entries())
      universe.after(demand.atMs, null, () => clients.demand(demand, number));
    universe.after(plan.healMs, null, () => {
      nemesis.heal();
      this.#isHealed = true;
      this.#lookForEnd();
    });
  }

  #startNode(name: string): void {
    const disk = this.#disks.get(name);
    const settings = this.#plan.nodes.find((node) => node.name === name);
    if (disk === undefined || settings === undefined || this.#nodes.has(name)) return;
    const universe = this.#universe;
    disk.lives += 1;
    const process: Process = {
      ...{ name, life: disk.lives, rate: settings.rate, bornMs: universe.nowMs, wallOffsetMs: settings.wallOffsetMs },
      ...{ isAlive: true, isPaused: false, held: [] },
    };
    universe.note(() => `${name} starts (life ${process.life})`);
    universe.after(0, process, () => this.#nodes.set(name, startNode(this.#nodeDeps, disk, process)));
  }

  #crash(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    this.#nodes.delete(name);
    this.#universe.kill(node.process);
    this.#peers.died(node.process);
  }

  #depsOfNodes(): NodeDeps {
    const universe = this.#universe;
    const mutation = this.#mutation;
    return {
      ...{ universe, wire: this.#wire, peers: this.#peers, blobs: this.#blobs },
      storeFor: (process, role) => this.#signatures.serve(process, role),
      wrapStore: (process, role, store) => mutation.store(role, this.#signatures.remember(process, role, store)),
      engineFor: (process) => this.#watched(process),
      reign: (process, leadership) => {
        this.#signatures.terms.set(process, leadership.term);
        return mutation.leadership(leadership);
      },
      timings: mutation.timings,
      broke: (process, why) => this.#nodeBroke(process, why),
    };
  }

  #watched(process: Process): Engine {
    const link = { universe: this.#universe, wire: this.#wire, process };
    const raw =
      this.#plan.engine === 'docker'
        ? createDockerLink({ ...link, daemon: this.#daemon })
        : createEngineLink({ ...link, host: this.#host });
    const engine = this.#mutation.engine(plainEngine(raw));
    const acting = (call: string) =>
      this.#each('acted', { process, call, term: this.#signatures.terms.get(process) ?? null });
    return {
      ...engine,
      submit: (spec, options) => {
        acting(`submit ${spec.id}`);
        return engine.submit(spec, options);
      },
      stop: (id, options) => {
        acting(`stop ${id}`);
        return engine.stop(id, options);
      },
    };
  }

  #nodeBroke(process: Process, why: string): void {
    if (why.startsWith('invariant')) this.#fail('I20', `${process.name}: ${why}`);
    this.#universe.after(0, null, () => this.#crash(process.name));
    this.#universe.after(RESTART_MS, null, () => this.#startNode(process.name));
  }

  #afterStep(): void {
    this.#takeCommits();
    if (this.#universe.events > EVENTS_MAX) this.#fail('I20', `more than ${EVENTS_MAX} events: something spins`);
  }

  #takeCommits(): void {
    for (const batch of this.#arrived.splice(0)) {
      for (const [revision, events] of byRevision(batch)) {
        this.#revision = revision;
        const author = this.#signatures.takeAuthor(revision);
        const commit = this.#chronicle.take(revision, events, author);
        this.#universe.note(() => `revision ${revision} by ${authorText(author)}: ${events.map(eventText).join(', ')}`);
        for (const check of this.#checks) check.committed?.(commit, this.#fail);
      }
    }
  }

  #lookForEnd(): void {
    const late = this.#universe.nowMs > this.#plan.healMs + SETTLE_MS;
    if (!this.#isQuiet() && !late) {
      this.#universe.after(LOOK_MS, null, () => this.#lookForEnd());
      return;
    }
    for (const check of this.#checks) check.ended?.(this.#fail);
    this.#isOver = true;
  }

  /** What the engine still has of attempts. */
  #held(): readonly { readonly id: string; readonly state: string }[] {
    return this.#plan.engine === 'docker' ? this.#daemon.held() : this.#host.list();
  }

  #isQuiet(): boolean {
    const { runs, pending, term } = this.#chronicle;
    if (!this.#isHealed || term === null || pending.size > 0 || this.#held().length > 0) return false;
    for (const run of runs.values()) if (run.state !== 'complete') return false;
    return true;
  }
}

function byRevision({ events }: WatchBatch): Map<number, WatchBatch['events'][number][]> {
  const all = new Map<number, WatchBatch['events'][number][]>();
  for (const event of events) {
    const revision = event.type === 'put' ? event.kv.modRevision : event.modRevision;
    const known = all.get(revision);
    if (known === undefined) all.set(revision, [event]);
    else known.push(event);
  }
  return all;
}

function authorText(author: Author | null): string {
  if (author === null) return 'the store';
  const { process, role, term } = author;
  return role === 'duty' ? `${process.name} (term ${String(term)})` : `${process.name} (${role})`;
}

function eventText(event: WatchBatch['events'][number]): string {
  if (event.type === 'delete') return `-${event.key}`;
  const { key, value } = event.kv;
  const isTold = key.startsWith('run/') || key.startsWith('task/') || key === keys.leader();
  return isTold ? `${key} ${stateText(value)}` : key;
}

function stateText(value: string): string {
  const states = /"state":"(\w+)"(?:.*?"attempt":(\d+))?/.exec(value);
  return states === null ? '' : `${states[1] ?? ''}${states[2] === undefined ? '' : ` ${states[2]}`}`;
}
