// A cluster in one process, on the memory store, with faked timers: time passes only when a test says so.

import type { ClusterClock } from '../../../cluster/cluster-clock.ts';
import { vi } from 'vitest';
import { CLUSTER_TIMINGS, joinCluster } from '../../../cluster/join.ts';
import type { ClusterNode, JoinOptions, SelfDescription } from '../../../cluster/join.ts';
import type { LeaderDuty, Leadership } from '../../../cluster/leadership.ts';
import type { NodeDuty, Presence } from '../../../cluster/presence.ts';
import { keys } from '../../../store/keys.ts';
import { drainRecord, transferRecord } from '../../../store/records/cluster-records.ts';
import { installationRecord } from '../../../store/records/system-records.ts';
import { createMemoryStore } from '../../../store/state/memory/memory-store.ts';
import type { StateStore, Transaction } from '../../../store/state/port.ts';
import type { FakePeers } from './fake-peers.ts';
import { PeerNetwork } from './fake-peers.ts';
import { MemoryInMemory } from './memory-in-memory.ts';
import type { StoreLink } from './store-link.ts';
import { createStoreLink } from './store-link.ts';

/** Enough for a joining that has to look twice. */
const JOIN_MS = 100;
const STOP_MAX_MS = 30_000;
const STOP_STEP_MS = 100;
const SILENT = { info: () => undefined, warn: () => undefined };

export interface TestNode {
  readonly node: ClusterNode;
  readonly self: SelfDescription;
  readonly link: StoreLink;
  readonly peers: FakePeers | null;
  readonly memory: MemoryInMemory;
  readonly reigns: Leadership[];
  readonly presences: Presence[];
  /** As kill -9: nothing is let go, and nobody hears of it any more. */
  kill(): void;
}

export interface NodeOptions {
  readonly self?: Partial<SelfDescription>;
  readonly alone?: boolean;
  readonly memory?: MemoryInMemory;
  readonly leaderDuties?: readonly LeaderDuty[];
  readonly nodeDuties?: readonly NodeDuty[];
  readonly isProcessGone?: (pid: number) => boolean;
  readonly now?: () => number;
  /** Prepares the link before the node uses it. */
  readonly onLink?: (link: StoreLink) => void;
}

/** A store that holds the installation record, as every node finds it. */
export async function anInstalledStore(clusterId = 'cluster-1'): Promise<StateStore> {
  const state = createMemoryStore({ defer: queueMicrotask });
  const value = installationRecord.encode({ installationId: clusterId, created: 1 });
  await state.commit({ compares: [], writes: [{ op: 'put', key: keys.meta(), value }] });
  return state;
}

export class ClusterWorld {
  readonly network = new PeerNetwork();
  readonly nodes: TestNode[] = [];
  readonly #running = new Set<TestNode>();
  #ids = 0;
  state: StateStore;

  constructor(state: StateStore) {
    this.state = state;
  }

  static async create(clusterId?: string): Promise<ClusterWorld> {
    vi.useFakeTimers();
    return new ClusterWorld(await anInstalledStore(clusterId));
  }

  /** Joins, and lets time pass until that has come to an end. */
  async join(name: string, options: NodeOptions = {}): Promise<TestNode> {
    const joining = this.begin(name, options);
    joining.catch(() => undefined);
    await this.pass(JOIN_MS);
    return joining;
  }

  /** The first of them leads. */
  async joinAll(names: readonly string[]): Promise<readonly TestNode[]> {
    const joined: TestNode[] = [];
    for (const name of names) joined.push(await this.join(name));
    return joined;
  }

  async begin(name: string, options: NodeOptions = {}): Promise<TestNode> {
    const nodeId = `${name}-${++this.#ids}`;
    const self = this.#describe(name, nodeId, options.self ?? {});
    const link = createStoreLink(this.state);
    options.onLink?.(link);
    const reigns: Leadership[] = [];
    const presences: Presence[] = [];
    const memory = options.memory ?? new MemoryInMemory();
    let node: ClusterNode | null = null;
    const pulse = () =>
      node?.pulse() ?? { nodeId, name, term: null, storeSilentMs: 0, leader: null, clock: Date.now() };
    const peers = options.alone === true ? null : this.network.open(self.peerAddress, nodeId, pulse);
    const full: JoinOptions = {
      ...{ state: link.state, self, memory, peers, log: SILENT, timings: CLUSTER_TIMINGS },
      leaderDuties: [recordingDuty('test', reigns), ...(options.leaderDuties ?? [])],
      nodeDuties: [recordingDuty('test', presences), ...(options.nodeDuties ?? [])],
      monotonicMs: () => performance.now(),
      clock: clockOf(options.now ?? (() => Date.now())),
      newId: () => `id-${++this.#ids}`,
      isProcessGone: options.isProcessGone ?? (() => false),
    };
    node = await joinCluster(full);
    const joined: TestNode = {
      ...{ node, self, link, peers, memory, reigns, presences },
      kill: () => {
        link.cut();
        this.network.kill(self.peerAddress);
      },
    };
    this.nodes.push(joined);
    this.#running.add(joined);
    return joined;
  }

  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  async drain(name: string): Promise<void> {
    const value = drainRecord.encode({ since: 1, by: 'test' });
    await this.state.commit({ compares: [], writes: [{ op: 'put', key: keys.drain(name), value }] });
    await this.pass(50);
  }

  /** Asks the leader of the term, by default the one of now. */
  async transfer(to: string | null, term?: number): Promise<void> {
    const now = await this.state.get(keys.leader());
    const value = transferRecord.encode({ term: term ?? now?.createRevision ?? 0, to, askedAt: 1 });
    await this.state.commit({ compares: [], writes: [{ op: 'put', key: keys.transfer(), value }] });
    await this.pass(50);
  }

  leaders(): readonly TestNode[] {
    return this.nodes.filter(({ node }) => node.status().leader);
  }

  /** Stops it, and lets time pass until it has stopped. */
  async stop(node: TestNode): Promise<void> {
    this.#running.delete(node);
    let isOver = false;
    const stopped = Promise.all([node.node.stop(), node.peers?.close()]).finally(() => (isOver = true));
    for (let waited = 0; !isOver && waited < STOP_MAX_MS; waited += STOP_STEP_MS) await this.pass(STOP_STEP_MS);
    await stopped;
  }

  async end(): Promise<void> {
    for (const node of this.#running) node.link.heal();
    for (const node of [...this.#running]) await this.stop(node);
    vi.useRealTimers();
  }

  #describe(name: string, nodeId: string, overrides: Partial<SelfDescription>): SelfDescription {
    return {
      ...{ name, nodeId, machine: 'm1', pid: this.#ids, version: '1.0.0', formats: { min: 1, max: 1 } },
      ...{ apiUrl: `http://${name}:8080`, peerAddress: `${name}:7000`, started: 1 },
      engine: { kind: 'process', identity: 'shared', where: '/tasks' },
      ...overrides,
    };
  }
}

function recordingDuty<T extends { readonly signal: AbortSignal }>(name: string, seen: T[]) {
  return {
    name,
    run: (tenure: T) => {
      seen.push(tenure);
      return new Promise<void>((resolve) => {
        if (tenure.signal.aborted) resolve();
        tenure.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
}

export function writesKey(transaction: Transaction, key: string): boolean {
  return transaction.writes.some((write) => write.op === 'put' && write.key === key);
}

/** A clock that nobody corrects. */
function clockOf(now: () => number): ClusterClock {
  return { now, own: now, jumps: () => 0, follow: () => undefined };
}
