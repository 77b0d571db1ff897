// The leader's picture of all unfinished work. A cache of the store and nothing more: it is filled by adoption, kept up by
// watches and by our own commits, and thrown away with the term.

import type { StoredEvent } from '../../store/model/event.ts';
import { runKeyText } from '../../store/model/ids.ts';
import type { RunKey } from '../../store/model/ids.ts';
import type { PendingRun } from '../../store/model/run.ts';
import type { EventCounter } from '../../store/records/event-records.ts';
import type { RunView, PendingAsk } from '../plan/run-view.ts';
import { createRunQueue } from '../plan/queue.ts';
import type { RunQueue } from '../plan/queue.ts';
import { createWakeHeap } from './wake-heap.ts';
import type { WakeHeap } from './wake-heap.ts';

/** A run that is on the open list, and not known yet. */
export interface Arrival {
  readonly key: RunKey;
  /** Create revision on the open list: its place in the queue. */
  readonly order: number;
  /** The run as it was created, when the news of it brought that along. */
  readonly created: { readonly run: PendingRun; readonly revision: number } | null;
}

/** An event in the outbox, and the revision that put it there. */
export interface WaitingEvent {
  readonly event: StoredEvent;
  readonly revision: number;
}

export interface World {
  /** Runs that are running, and pending ones while something is done about them. Waiting runs are in the queue only. */
  readonly views: Map<string, RunView>;
  readonly queue: RunQueue;
  readonly arrivals: Map<string, Arrival>;
  /** Asks by run, oldest first, until they are settled. */
  readonly asks: Map<string, PendingAsk[]>;
  /** Events of other nodes by key, in the order in which they came. */
  readonly outbox: Map<string, WaitingEvent>;
  /** Keys of asks that came too late, to be deleted. */
  readonly leftovers: Set<string>;
  /** Pending runs that have got their turn. */
  readonly admitted: Set<string>;
  /** Waiting runs that need a view now. */
  readonly unloaded: Map<string, RunKey>;
  /** Views to be read again: somebody else wrote, or a commit's outcome is not known. */
  readonly stale: Set<string>;
  /** Views to be planned. */
  readonly dirty: Set<string>;
  readonly wakes: WakeHeap;
  counter: EventCounter;
  /** Mod revision of the event counter; 0 = it does not exist. */
  counterRevision: number;
  /** A commit failed: the counter is read again before the next one. */
  counterStale: boolean;
}

export function createWorld(globalRunLimit: number): World {
  return {
    views: new Map(),
    queue: createRunQueue(globalRunLimit),
    arrivals: new Map(),
    asks: new Map(),
    outbox: new Map(),
    leftovers: new Set(),
    admitted: new Set(),
    unloaded: new Map(),
    stale: new Set(),
    dirty: new Set(),
    wakes: createWakeHeap(),
    counter: { first: 1, last: 0, emitted: 0 },
    counterRevision: 0,
    counterStale: false,
  };
}

export function arrive(world: World, arrival: Arrival): void {
  if (!isKnown(world, arrival.key)) world.arrivals.set(runKeyText(arrival.key), arrival);
}

export function isKnown(world: World, key: RunKey): boolean {
  const text = runKeyText(key);
  return world.views.has(text) || world.queue.has(key) || world.arrivals.has(text);
}

export function addAsk(world: World, key: RunKey, pending: PendingAsk): void {
  const text = runKeyText(key);
  const known = world.asks.get(text) ?? [];
  if (known.some((ask) => ask.key === pending.key)) return;
  world.asks.set(text, [...known, pending]);
  const view = world.views.get(text);
  if (view !== undefined) view.asks = world.asks.get(text) ?? [];
  world.dirty.add(text);
}

/** Forgets a run: it is complete, or what we knew of it turned out to be stale. */
export function dropView(world: World, text: string): void {
  world.views.delete(text);
  world.dirty.delete(text);
}
