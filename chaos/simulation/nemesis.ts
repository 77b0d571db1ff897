// Carries the faults of a plan out, each at its time, and ends all of them when the world is to heal.

import { keys } from '../../store/keys.ts';
import { drainRecord, leaderRecord, transferRecord } from '../../store/records/cluster-records.ts';
import type { StateStore } from '../../store/state/port.ts';
import { wallMs } from './clocks.ts';
import type { Chronicle } from './chronicle.ts';
import type { Fault, Target, TrapFault } from './plan.ts';
import type { Process, Universe } from './universe.ts';
import type { Place, Wire } from './wire.ts';

export interface NemesisDeps {
  readonly universe: Universe;
  readonly wire: Wire;
  readonly store: StateStore;
  readonly chronicle: Chronicle;
  readonly nodeNames: readonly string[];
  readonly processOf: (name: string) => Process | null;
  readonly crash: (name: string) => void;
  readonly start: (name: string) => void;
}

export interface Nemesis {
  strike(fault: Fault): void;
  heal(): void;
}

export function createNemesis(deps: NemesisDeps): Nemesis {
  const { universe, wire, chronicle } = deps;
  let isHealed = false;

  /** Ends what a fault began, unless everything has been healed by then. */
  function later(ms: number, act: () => void): void {
    universe.after(ms, null, () => {
      if (!isHealed) act();
    });
  }

  function nameOf(target: Target): string | null {
    if (target !== 'leader') return target;
    const reign = chronicle.term === null ? undefined : chronicle.reigns.get(chronicle.term);
    return reign?.nodeId.replace(/-\d+$/, '') ?? null;
  }

  function crash(name: string, forMs: number): void {
    if (deps.processOf(name) === null) return;
    universe.note(() => `FAULT: ${name} crashes, and is started again after ${forMs} ms`);
    deps.crash(name);
    later(forMs, () => deps.start(name));
  }

  function pause(name: string, forMs: number, timersFirst: boolean): void {
    const process = deps.processOf(name);
    if (process === null || process.isPaused) return;
    universe.note(() => `FAULT: ${name} is frozen for ${forMs} ms`);
    universe.pause(process);
    later(forMs, () => {
      if (!process.isPaused) return;
      universe.note(() => `${name} goes on`);
      universe.resume(process, timersFirst);
    });
  }

  function weather(name: string, place: Place, change: Partial<ReturnType<Wire['weather']>>): () => void {
    const link = wire.weather(name, place);
    const before = { ...link };
    Object.assign(link, change);
    return () => Object.assign(link, before);
  }

  function trap(node: Target, { place, call, phase, then }: TrapFault, forMs: number): void {
    const name = nameOf(node);
    if (name === null) return;
    universe.note(() => `FAULT: a trap is set: ${name} ${thenText(then)} ${phase} its next "${call}"`);
    wire.set({
      ...{ node: name, place, call, phase },
      spring: (process) => {
        universe.note(() => `the trap springs: ${process.name} ${thenText(then)} ${phase} "${call}"`);
        if (then === 'crash') crash(name, forMs);
        else if (then === 'pause') pause(name, forMs, false);
        else later(0, weather(name, place, { cut: 'answers' }));
      },
    });
  }

  function strike(fault: Fault): void {
    const name = 'node' in fault ? nameOf(fault.node) : null;
    switch (fault.kind) {
      case 'crash':
        if (name !== null) crash(name, fault.forMs);
        return;
      case 'crash_all':
        for (const each of deps.nodeNames) crash(each, fault.forMs);
        return;
      case 'pause':
        if (name !== null) pause(name, fault.forMs, fault.timersFirst);
        return;
      case 'trap':
        return trap(fault.node, fault.trap, fault.forMs);
      case 'cut':
      case 'loss':
      case 'slow':
      case 'split':
        if (name !== null) spoil(fault, name);
        return;
      case 'down':
        universe.note(() => `FAULT: the ${fault.place} refuses connections for ${fault.forMs} ms`);
        wire.down.add(fault.place);
        return later(fault.forMs, () => wire.down.delete(fault.place));
      case 'clock': {
        const process = name === null ? null : deps.processOf(name);
        if (process === null) return;
        universe.note(() => `FAULT: the wall clock of ${process.name} jumps by ${fault.byMs} ms`);
        process.wallOffsetMs += fault.byMs;
        return;
      }
      case 'lease':
      case 'compact':
      case 'transfer':
      case 'drain':
        // What the store's own hands and an operator do; they need no link.
        void order(deps, fault, { name, later }).catch((error: unknown) =>
          universe.note(() => `the order failed: ${String(error)}`),
        );
    }
  }

  function spoil(fault: Extract<Fault, { kind: 'cut' | 'loss' | 'slow' | 'split' }>, name: string): void {
    const { forMs } = fault;
    const ends: (() => void)[] = [];
    switch (fault.kind) {
      case 'cut':
        universe.note(
          () => `FAULT: between ${name} and the ${fault.place} nothing passes (${fault.way}) for ${forMs} ms`,
        );
        ends.push(weather(name, fault.place, { cut: fault.way }));
        break;
      case 'loss':
        universe.note(
          () => `FAULT: ${Math.round(fault.share * 100)} % are lost between ${name} and the ${fault.place}`,
        );
        ends.push(weather(name, fault.place, { loss: fault.share }));
        break;
      case 'slow':
        universe.note(() => `FAULT: ${name} and the ${fault.place} are up to ${fault.byMs} ms apart for ${forMs} ms`);
        ends.push(weather(name, fault.place, { slowMs: fault.byMs }));
        break;
      case 'split':
        universe.note(() => `FAULT: ${name} and ${fault.other} do not hear each other for ${forMs} ms`);
        ends.push(weather(name, `peer:${fault.other}`, { cut: 'both' }));
        ends.push(weather(fault.other, `peer:${name}`, { cut: 'both' }));
    }
    later(forMs, () => ends.forEach((end) => end()));
  }

  return {
    strike,
    heal: () => {
      isHealed = true;
      universe.note(() => 'everything is healed');
      wire.heal();
      for (const name of deps.nodeNames) {
        const process = deps.processOf(name);
        if (process === null) deps.start(name);
        else if (process.isPaused) universe.resume(process, true);
      }
      void removeDrains(deps);
    },
  };
}

function thenText(then: TrapFault['then']): string {
  return then === 'lose_answer' ? 'hears nothing of what is' : `${then}s`;
}

type Order = Extract<Fault, { kind: 'lease' | 'compact' | 'transfer' | 'drain' }>;

async function order(
  deps: NemesisDeps,
  fault: Order,
  { name, later }: { readonly name: string | null; readonly later: (ms: number, act: () => void) => void },
): Promise<void> {
  const { universe, store, chronicle } = deps;
  switch (fault.kind) {
    case 'lease': {
      const key = fault.whose === 'leader' ? keys.leader() : keys.member(name ?? '');
      const kv = name === null ? null : await store.get(key);
      if (kv === null) return;
      universe.note(() => `FAULT: the store loses the ${fault.whose} lease of ${String(name)} without cause`);
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
      later(fault.forMs, () => void store.commit({ compares: [], writes: [{ op: 'delete', key }] }));
    }
  }
}

async function removeDrains({ store }: NemesisDeps): Promise<void> {
  await store.commit({ compares: [], writes: [{ op: 'delete_range', range: keys.drains() }] });
}
