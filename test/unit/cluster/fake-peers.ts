// The node-to-node streams of a small cluster, without sockets: pulses five times a second, and every way in which they stop.

import type { Heard, Peers, PeerTarget, ProbeResult, Pulse, PulseSource } from '../../../cluster/peers/port.ts';

const PULSE_MS = 200;

type Condition = 'up' | 'dead' | 'frozen';

interface Station {
  readonly nodeId: string;
  condition: Condition;
  readonly pulse: PulseSource;
}

interface Ear {
  readonly target: PeerTarget;
  pulse: Pulse | null;
  atMs: number;
  broken: boolean;
}

export class PeerNetwork {
  readonly #stations = new Map<string, Station>();
  readonly #cuts = new Set<string>();
  readonly #listeners = new Set<FakePeers>();
  /** What others hear instead of what a node says. */
  distort: (pulse: Pulse) => Pulse = (pulse) => pulse;

  open(address: string, nodeId: string, pulse: PulseSource): FakePeers {
    this.#stations.set(address, { nodeId, condition: 'up', pulse });
    const peers = new FakePeers(this, address);
    this.#listeners.add(peers);
    return peers;
  }

  /** The process is killed: its listener refuses, its streams are reset. */
  kill(address: string): void {
    this.#set(address, 'dead');
    for (const peers of this.#listeners) peers.streamBroke(address);
  }

  /** The process is stopped: its sockets stay open, and nothing comes out of them. */
  freeze(address: string): void {
    this.#set(address, 'frozen');
  }

  thaw(address: string): void {
    this.#set(address, 'up');
  }

  cut(one: string, other: string): void {
    this.#cuts.add([one, other].sort().join(' '));
  }

  /** As it looks from `from`. */
  reach(from: string, address: string): Station | Condition {
    if (this.#cuts.has([from, address].sort().join(' '))) return 'frozen';
    const station = this.#stations.get(address);
    if (station === undefined || this.#stations.get(from)?.condition === 'dead') return 'dead';
    return station.condition === 'up' ? station : station.condition;
  }

  #set(address: string, condition: Condition): void {
    const station = this.#stations.get(address);
    if (station !== undefined) station.condition = condition;
  }
}

export class FakePeers implements Peers {
  readonly #network: PeerNetwork;
  readonly #own: string;
  readonly #listeners: (() => void)[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #ears: Ear[] = [];
  /** Addresses that were probed, in order. */
  readonly probed: string[] = [];

  constructor(network: PeerNetwork, own: string) {
    this.#network = network;
    this.#own = own;
    this.#timer = setInterval(() => this.#listen(), PULSE_MS);
  }

  follow(targets: readonly PeerTarget[]): void {
    this.#ears = targets.map((target) => {
      const known = this.#ears.find((ear) => ear.target.nodeId === target.nodeId);
      return known ?? { target, pulse: null, atMs: performance.now(), broken: false };
    });
  }

  heard(): readonly Heard[] {
    return this.#ears.map(({ target, pulse, atMs, broken }) => {
      return { target, pulse, broken, silentMs: performance.now() - atMs };
    });
  }

  onNews(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async probe(target: PeerTarget, deadlineMs: number): Promise<ProbeResult> {
    this.probed.push(target.address);
    const station = this.#network.reach(this.#own, target.address);
    if (station === 'dead') return 'gone';
    if (station !== 'frozen' && typeof station !== 'string') return station.nodeId === target.nodeId ? 'alive' : 'gone';
    await new Promise((resolve) => setTimeout(resolve, deadlineMs));
    return 'silent';
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
  }

  streamBroke(address: string): void {
    const ear = this.#ears.find(({ target }) => target.address === address);
    if (ear === undefined) return;
    ear.broken = true;
    for (const listener of this.#listeners) listener();
  }

  #listen(): void {
    for (const ear of this.#ears) {
      const station = this.#network.reach(this.#own, ear.target.address);
      if (typeof station === 'string' || station.nodeId !== ear.target.nodeId) continue;
      ear.pulse = this.#network.distort(station.pulse());
      ear.atMs = performance.now();
      ear.broken = false;
    }
    for (const listener of this.#listeners) listener();
  }
}
