// What the simulated nodes hear from each other directly: pulses several times a second, broken streams, probes.

import type { Heard, Peers, PeerTarget, ProbeResult, Pulse } from '../../cluster/peers/port.ts';
import { monotonicMs } from './clocks.ts';
import type { HandedStart, StartHere } from '../../cluster/peers/run-starts.ts';
import type { PendingRun } from '../../store/model/run.ts';
import type { Process, Universe } from './universe.ts';
import type { Wire } from './wire.ts';
import { LinkError } from './wire.ts';

/** What listens at a node's address. */
export interface Listener {
  readonly process: Process;
  readonly nodeId: string;
  receive(pulse: Pulse): void;
  /** Null = it makes no runs for others. */
  readonly startHere: StartHere | null;
}

export interface PeerNetwork {
  /** By address; nobody listens at an address that is not there. */
  readonly listeners: Map<string, Listener>;
  /** A process died: its streams are reset. */
  died(process: Process): void;
  join(deps: { readonly process: Process; readonly nodeId: string; readonly address: string }): SimulatedPeers;
}

export interface SimulatedPeers extends Peers {
  /** From here on the node tells others of itself. */
  speak(pulse: () => Pulse): void;
  /** What the node does with starts that others hand to it. */
  serve(startHere: StartHere): void;
  /** In their order; null = not made there, as far as is known. */
  handOver(address: string, starts: readonly HandedStart[]): Promise<readonly (PendingRun | null)[]>;
}

const PULSE_MS = 300;
const HAND_OVER_MS = 500;

interface Known {
  readonly target: PeerTarget;
  pulse: Pulse | null;
  heardMs: number;
  broken: boolean;
}

export function createPeerNetwork(universe: Universe, wire: Wire): PeerNetwork {
  const listeners = new Map<string, Listener>();
  const members = new Set<Member>();
  return {
    listeners,
    died: (process) => {
      for (const [address, listener] of listeners) if (listener.process === process) listeners.delete(address);
      for (const member of members) {
        if (member.process === process) members.delete(member);
        else member.lost(process.name);
      }
    },
    join: (options) => {
      const member = new Member({ ...options, universe, wire, listeners });
      members.add(member);
      listeners.set(options.address, member);
      return member;
    },
  };
}

interface MemberDeps {
  readonly universe: Universe;
  readonly wire: Wire;
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly process: Process;
  readonly nodeId: string;
  readonly address: string;
}

class Member implements SimulatedPeers, Listener {
  readonly #deps: MemberDeps;
  readonly #known = new Map<string, Known>();
  #tellNews: () => void = () => undefined;
  #pulse: (() => Pulse) | null = null;
  #startHere: StartHere | null = null;

  constructor(deps: MemberDeps) {
    this.#deps = deps;
    deps.universe.timer(PULSE_MS, deps.process, () => this.#beat());
  }

  get process(): Process {
    return this.#deps.process;
  }

  get nodeId(): string {
    return this.#deps.nodeId;
  }

  speak(pulse: () => Pulse): void {
    this.#pulse = pulse;
  }

  get startHere(): StartHere | null {
    return this.#startHere;
  }

  serve(startHere: StartHere): void {
    this.#startHere = startHere;
  }

  async handOver(address: string, starts: readonly HandedStart[]): Promise<readonly (PendingRun | null)[]> {
    const { wire, process, universe, listeners } = this.#deps;
    const name = address.slice(0, address.indexOf(':'));
    try {
      return await wire.call({ process, place: `peer:${name}`, call: 'start runs', deadlineMs: HAND_OVER_MS }, () => {
        const listener = listeners.get(address);
        if (listener === undefined) return Promise.reject(new LinkError('refused', name));
        return new Promise<readonly (PendingRun | null)[]>((resolve, reject) => {
          universe.after(0, listener.process, () => {
            const made = async (start: HandedStart) => listener.startHere?.(start).catch(() => null) ?? null;
            Promise.all(starts.map(made)).then(resolve, reject);
          });
        });
      });
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      return starts.map(() => null);
    }
  }

  follow(targets: readonly PeerTarget[]): void {
    const now = this.#now();
    const wanted = new Set(targets.map(({ nodeId }) => nodeId));
    for (const nodeId of this.#known.keys()) if (!wanted.has(nodeId)) this.#known.delete(nodeId);
    for (const target of targets) {
      if (this.#known.has(target.nodeId)) continue;
      this.#known.set(target.nodeId, { target, pulse: null, heardMs: now, broken: false });
    }
  }

  heard(): readonly Heard[] {
    const now = this.#now();
    return [...this.#known.values()].map(({ target, pulse, heardMs, broken }) => ({
      target,
      pulse,
      broken,
      silentMs: now - heardMs,
    }));
  }

  onNews(listener: () => void): void {
    this.#tellNews = listener;
  }

  async probe(target: PeerTarget, deadlineMs: number): Promise<ProbeResult> {
    const { wire, process, universe, listeners } = this.#deps;
    try {
      return await wire.call({ process, place: `peer:${target.name}`, call: 'probe', deadlineMs }, () => {
        const listener = listeners.get(target.address);
        if (listener === undefined) return Promise.reject(new LinkError('refused', target.name));
        // A frozen process answers when it goes on.
        return new Promise<ProbeResult>((resolve) =>
          universe.after(0, listener.process, () => resolve(listener.nodeId === target.nodeId ? 'alive' : 'gone')),
        );
      });
    } catch (error) {
      return error instanceof LinkError && error.kind === 'refused' ? 'gone' : 'silent';
    }
  }

  async close(): Promise<void> {
    this.#known.clear();
    this.#pulse = null;
  }

  receive(pulse: Pulse): void {
    const known = this.#known.get(pulse.nodeId);
    if (known === undefined) return;
    const isNews = known.broken || known.pulse?.term !== pulse.term;
    known.pulse = pulse;
    known.heardMs = this.#now();
    known.broken = false;
    if (isNews) this.#tellNews();
  }

  /** A peer's process died, and the kernel said so, if it could. */
  lost(name: string): void {
    const { wire, universe, process } = this.#deps;
    const delayMs = wire.send({ from: process.name, to: `peer:${name}`, back: true });
    if (delayMs === null) return;
    universe.after(delayMs, process, () => {
      for (const known of this.#known.values()) if (known.target.name === name) known.broken = true;
      this.#tellNews();
    });
  }

  #now(): number {
    return monotonicMs(this.#deps.universe, this.#deps.process);
  }

  #beat(): void {
    const { universe, wire, process, listeners } = this.#deps;
    const pulse = this.#pulse?.();
    universe.timer(PULSE_MS, process, () => this.#beat());
    if (pulse === undefined) return;
    for (const { target } of this.#known.values()) {
      const listener = listeners.get(target.address);
      const delayMs = wire.send({ from: process.name, to: `peer:${target.name}` });
      if (listener === undefined || delayMs === null) continue;
      universe.after(delayMs, listener.process, () => listener.receive(pulse));
    }
  }
}
