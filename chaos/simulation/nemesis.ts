// Carries the faults of a plan out, each at its time, and ends all of them when the world is to heal.

import { keys } from '../../store/keys.ts';
import { drainRecord, leaderRecord, transferRecord } from '../../store/records/cluster-records.ts';
import type { StateStore } from '../../store/state/port.ts';
import { wallMs } from './clocks.ts';
import type { Chronicle } from './chronicle.ts';
import type { DockerDaemon } from './docker-daemon.ts';
import type { Fault, Target, TrapFault } from './plan.ts';
import type { Process, Universe } from './universe.ts';
import type { LinkWeather, Place, Wire } from './wire.ts';

export interface NemesisDeps {
  readonly universe: Universe;
  readonly wire: Wire;
  readonly store: StateStore;
  readonly daemon: DockerDaemon;
  readonly chronicle: Chronicle;
  readonly nodeNames: readonly string[];
  readonly processOf: (name: string) => Process | null;
  readonly crash: (name: string) => void;
  readonly start: (name: string) => void;
  /** Nodes whose reads are answered as of a revision of the past. */
  readonly sleepy: Map<string, number>;
  /** The store's newest. */
  readonly revision: () => number;
}

export interface Nemesis {
  strike(fault: Fault): void;
  heal(): void;
}

export function createNemesis(deps: NemesisDeps): Nemesis {
  return new PlannedNemesis(deps);
}

class PlannedNemesis implements Nemesis {
  readonly #deps: NemesisDeps;
  #isHealed = false;

  constructor(deps: NemesisDeps) {
    this.#deps = deps;
  }

  strike(fault: Fault): void {
    const name = 'node' in fault ? this.#nameOf(fault.node) : '';
    if (name === null) return;
    switch (fault.kind) {
      case 'crash':
        return this.#crash(name, fault.forMs);
      case 'crash_all':
        for (const each of this.#deps.nodeNames) this.#crash(each, fault.forMs);
        return;
      case 'pause':
        return this.#pause(name, fault.forMs, fault.timersFirst);
      case 'trap':
        return this.#trap(name, fault.trap, fault.forMs);
      case 'cut':
      case 'loss':
      case 'slow':
      case 'split':
        return this.#spoil(fault, name);
      case 'down':
        return this.#close(fault.place, fault.forMs);
      case 'daemon':
        this.#note(`FAULT: the Docker daemon will die in the middle of its next start, and recall ${fault.recall}`);
        return this.#deps.daemon.killAtNextStart(fault.recall, () => this.#close('engine', fault.forMs));
      case 'stale':
        this.#note(`FAULT: reads of leader work on ${name} are answered from the past`);
        this.#deps.sleepy.set(name, this.#deps.revision());
        return this.#later(fault.forMs, () => this.#deps.sleepy.delete(name));
      case 'clock':
        return this.#jump(name, fault.byMs);
      case 'lease':
      case 'compact':
      case 'transfer':
      case 'drain':
        // What the store's own hands and an operator do; they need no link.
        order(this.#deps, fault, { name, later: (ms, act) => this.#later(ms, act) }).catch((error: unknown) =>
          this.#note(`the order failed: ${String(error)}`),
        );
    }
  }

  heal(): void {
    const { wire, nodeNames, processOf, start, universe, store } = this.#deps;
    this.#isHealed = true;
    this.#note('everything is healed');
    wire.heal();
    this.#deps.daemon.heal();
    this.#deps.sleepy.clear();
    for (const name of nodeNames) {
      const process = processOf(name);
      if (process === null) start(name);
      else if (process.isPaused) universe.resume(process, false);
    }
    const noDrains = { op: 'delete_range', range: keys.drains() } as const;
    store
      .commit({ compares: [], writes: [noDrains] })
      .catch((error: unknown) => this.#note(`the drains stay: ${String(error)}`));
  }

  #note(line: string): void {
    this.#deps.universe.note(() => line);
  }

  /** Ends what a fault began, unless everything has been healed by then. */
  #later(ms: number, act: () => void): void {
    this.#deps.universe.after(ms, null, () => {
      if (!this.#isHealed) act();
    });
  }

  #nameOf(target: Target): string | null {
    if (target !== 'leader') return target;
    const { chronicle } = this.#deps;
    const reign = chronicle.term === null ? undefined : chronicle.reigns.get(chronicle.term);
    return reign?.nodeId.replace(/-\d+$/, '') ?? null;
  }

  #crash(name: string, forMs: number): void {
    if (this.#deps.processOf(name) === null) return;
    this.#note(`FAULT: ${name} crashes, and is started again after ${forMs} ms`);
    this.#deps.crash(name);
    this.#later(forMs, () => this.#deps.start(name));
  }

  #pause(name: string, forMs: number, timersFirst: boolean): void {
    const { universe, processOf } = this.#deps;
    const process = processOf(name);
    if (process === null || process.isPaused) return;
    this.#note(`FAULT: ${name} is frozen for ${forMs} ms`);
    universe.pause(process);
    this.#later(forMs, () => {
      if (!process.isPaused) return;
      this.#note(`${name} goes on`);
      universe.resume(process, timersFirst);
    });
  }

  #trap(name: string, { place, call, phase, then }: TrapFault, forMs: number): void {
    this.#note(`FAULT: a trap is set: ${name} ${THEN[then]} ${PHASE[phase]} its next "${call}"`);
    this.#deps.wire.set({
      ...{ node: name, place, call, phase },
      spring: () => {
        this.#note(`the trap springs: ${name} ${THEN[then]} ${PHASE[phase]} "${call}"`);
        if (then === 'crash') this.#crash(name, forMs);
        else if (then === 'pause') this.#pause(name, forMs, false);
        else if (then === 'lose_answer') this.#later(0, this.#weather(name, place, { cut: 'answers' }));
        return then === 'delay' ? forMs : 0;
      },
    });
  }

  /** Gives back what it was like before. */
  #weather(name: string, place: Place, change: Partial<LinkWeather>): () => void {
    const link = this.#deps.wire.weather(name, place);
    const before = { ...link };
    Object.assign(link, change);
    return () => Object.assign(link, before);
  }

  #close(place: Place, forMs: number): void {
    const { down } = this.#deps.wire;
    this.#note(`FAULT: the ${place} refuses connections for ${forMs} ms`);
    down.add(place);
    this.#later(forMs, () => down.delete(place));
  }

  #jump(name: string, byMs: number): void {
    const process = this.#deps.processOf(name);
    if (process === null) return;
    this.#note(`FAULT: the wall clock of ${name} jumps by ${byMs} ms`);
    process.wallOffsetMs += byMs;
  }

  #spoil(fault: Extract<Fault, { kind: 'cut' | 'loss' | 'slow' | 'split' }>, name: string): void {
    const { forMs } = fault;
    switch (fault.kind) {
      case 'cut':
        this.#note(`FAULT: between ${name} and the ${fault.place} nothing passes (${fault.way}) for ${forMs} ms`);
        return this.#later(forMs, this.#weather(name, fault.place, { cut: fault.way }));
      case 'loss':
        this.#note(`FAULT: ${Math.round(fault.share * 100)} % are lost between ${name} and the ${fault.place}`);
        return this.#later(forMs, this.#weather(name, fault.place, { loss: fault.share }));
      case 'slow':
        this.#note(`FAULT: ${name} and the ${fault.place} are up to ${fault.byMs} ms apart for ${forMs} ms`);
        return this.#later(forMs, this.#weather(name, fault.place, { slowMs: fault.byMs }));
      case 'split':
        this.#note(`FAULT: ${name} and ${fault.other} do not hear each other for ${forMs} ms`);
        this.#later(forMs, this.#weather(name, `peer:${fault.other}`, { cut: 'both' }));
        return this.#later(forMs, this.#weather(fault.other, `peer:${name}`, { cut: 'both' }));
    }
  }
}

const THEN = {
  crash: 'crashes',
  pause: 'is frozen',
  lose_answer: 'hears no answer',
  delay: 'waits while late',
} as const;
const PHASE = {
  before: 'right before',
  after: 'right after',
  answered: 'once it was done:',
  'under way': 'is',
} as const;

type Order = Extract<Fault, { kind: 'lease' | 'compact' | 'transfer' | 'drain' }>;

async function order(
  deps: NemesisDeps,
  fault: Order,
  { name, later }: { readonly name: string; readonly later: (ms: number, act: () => void) => void },
): Promise<void> {
  const { universe, store, chronicle } = deps;
  switch (fault.kind) {
    case 'lease': {
      const key = fault.whose === 'leader' ? keys.leader() : keys.member(name);
      const kv = await store.get(key);
      if (kv === null) return;
      universe.note(() => `FAULT: the store loses the ${fault.whose} lease of ${name} without cause`);
      const lease = fault.whose === 'leader' ? leaderRecord.decode(kv.value).lease : kv.lease;
      return store.revokeLease(lease);
    }
    case 'compact': {
      const { revision } = await store.range({ start: 'a', end: 'a' });
      universe.note(() => `FAULT: history before revision ${revision} is compacted`);
      return store.compact(revision);
    }
    case 'transfer': {
      if (chronicle.term === null) return;
      const value = transferRecord.encode({ term: chronicle.term, to: fault.to, askedAt: wallMs(universe, null) });
      universe.note(() => `an operator hands the leadership over to ${fault.to ?? 'any other'}`);
      await store.commit({ compares: [], writes: [{ op: 'put', key: keys.transfer(), value }] });
      return;
    }
    case 'drain': {
      const key = keys.drain(fault.node);
      universe.note(() => `an operator drains ${fault.node}`);
      const value = drainRecord.encode({ since: wallMs(universe, null), by: 'operator' });
      await store.commit({ compares: [], writes: [{ op: 'put', key, value }] });
      later(fault.forMs, () => {
        store
          .commit({ compares: [], writes: [{ op: 'delete', key }] })
          .catch((error: unknown) => universe.note(() => `the drain stays: ${String(error)}`));
      });
    }
  }
}
