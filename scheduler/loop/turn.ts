// One turn of the leader: take in what is new, admit runs, plan what changed, commit it in as few transactions as possible, and
// only then act outside. While a commit is under way new things gather for the next turn: that is how work comes to be batched.

import { parseRunKeyText, runKeyText } from '../../store/model/ids.ts';
import type { RunView } from '../plan/run-view.ts';
import { planRun } from '../plan/plan-run.ts';
import { sliceLength } from './batch.ts';
import type { Batch } from './batch.ts';
import { commitBatch, newBatch } from './commit-batch.ts';
import type { TurnContext } from './commit-batch.ts';
import { listOutbox, readCounter } from './intake.ts';
import type { Loaded } from './loader.ts';
import type { Slice } from './slice-draft.ts';
import { parallelismOf, takeOffers } from './take-offers.ts';
import { dropView } from './world.ts';
import type { Arrival, World } from './world.ts';

/** Runs in one turn: enough to fill a transaction, few enough that the event loop breathes. */
const TURN_RUNS_MAX = 500;

/** True when there is more to do at once. Throws 'unavailable' when the store did not take the commit: nothing is lost by it. */
export async function takeTurn(context: TurnContext): Promise<boolean> {
  const { world, offers } = context;
  await refreshStale(context);
  await takeArrivals(context);
  await admit(context);
  await loadAsked(context);
  for (const wake of world.wakes.due(context.deps.now())) {
    const view = world.views.get(wake.run);
    if (view === undefined) continue;
    world.dirty.add(wake.run);
    if (wake.taskId !== null && view.attention !== 'all') view.attention.add(wake.taskId);
  }
  await takeOffers(context);
  const slices = planDirty(context);
  await commitAll(context, slices);
  return world.dirty.size > 0 || world.arrivals.size > 0 || world.outbox.size > 0 || !offers.isEmpty;
}

/** Views that somebody else's write made untrue are read again. */
async function refreshStale(context: TurnContext): Promise<void> {
  const { world } = context;
  const stale = [...world.stale];
  world.stale.clear();
  // A run whose end we committed ourselves is gone from the open list too: nothing is to be read again then.
  for (const name of stale) if (world.views.has(name)) await reload(context, name);
}

async function reload({ world, loader }: TurnContext, name: string): Promise<void> {
  const view = world.views.get(name);
  const key = parseRunKeyText(name);
  const loaded = await loader.load(key);
  dropView(world, name);
  if (loaded.kind === 'open') {
    loaded.view.asks = world.asks.get(name) ?? [];
    world.views.set(name, loaded.view);
    world.dirty.add(name);
  } else if (view !== undefined) {
    world.admitted.delete(name);
    world.queue.remove(key);
    world.queue.ended(key);
  }
}

async function takeArrivals(context: TurnContext): Promise<void> {
  const { world } = context;
  const taken: Arrival[] = [];
  for (const arrival of world.arrivals.values()) {
    taken.push(arrival);
    if (taken.length >= TURN_RUNS_MAX) break;
  }
  const found = await loadArrivals(context, taken);
  for (const [index, arrival] of taken.entries()) {
    world.arrivals.delete(runKeyText(arrival.key));
    const loaded = found[index];
    if (loaded?.kind === 'open') settleArrival(context, arrival, loaded.view);
  }
}

/** In their order. What the news of a run brought along is not read again. */
async function loadArrivals({ loader }: TurnContext, arrivals: readonly Arrival[]): Promise<readonly Loaded[]> {
  const unread = arrivals.flatMap(({ key, created }) => (created === null ? [key] : []));
  const read = (await loader.loadAll(unread))[Symbol.iterator]();
  return Promise.all(
    arrivals.map(async ({ created }): Promise<Loaded> => {
      if (created !== null) return loader.adopt(created);
      return read.next().value ?? { kind: 'over' };
    }),
  );
}

function settleArrival({ world, deps }: TurnContext, arrival: Arrival, view: RunView): void {
  const name = runKeyText(arrival.key);
  view.asks = world.asks.get(name) ?? [];
  if (view.run.state === 'running') {
    world.queue.started(arrival.key);
    world.views.set(name, view);
    world.dirty.add(name);
    return;
  }
  const { key, order } = arrival;
  world.queue.add({ key, order, parallelism: parallelismOf(view, deps.settings) });
  if (view.run.eventId !== null && view.asks.length === 0) return;
  world.views.set(name, view);
  world.dirty.add(name);
}

async function admit(context: TurnContext): Promise<void> {
  const { world } = context;
  for (const { key } of world.queue.admit(TURN_RUNS_MAX)) {
    const name = runKeyText(key);
    world.admitted.add(name);
    if (world.views.has(name)) world.dirty.add(name);
    else world.unloaded.set(name, key);
  }
}

/** Waiting runs have no view: those that are admitted or asked about get one now. */
async function loadAsked(context: TurnContext): Promise<void> {
  const { world, loader } = context;
  for (const name of world.asks.keys()) {
    if (!world.views.has(name) && !world.arrivals.has(name)) world.unloaded.set(name, parseRunKeyText(name));
  }
  const wanted = [...world.unloaded];
  const loaded = await loader.loadAll(wanted.map(([, key]) => key));
  for (const [index, [name, key]] of wanted.entries()) {
    world.unloaded.delete(name);
    const found = loaded[index];
    if (found?.kind === 'open') {
      found.view.asks = world.asks.get(name) ?? [];
      world.views.set(name, found.view);
      world.dirty.add(name);
      continue;
    }
    if (world.admitted.delete(name)) world.queue.ended(key);
    // The run is over: what was asked of it came too late.
    for (const ask of world.asks.get(name) ?? []) world.leftovers.add(ask.key);
    world.asks.delete(name);
  }
}

function planDirty({ world, deps }: TurnContext): Slice[] {
  const slices: Slice[] = [];
  const now = deps.now();
  let runs = 0;
  for (const name of world.dirty) {
    if (runs >= TURN_RUNS_MAX) break;
    runs += 1;
    world.dirty.delete(name);
    const view = world.views.get(name);
    if (view === undefined) continue;
    const plan = planRun(view, { now, settings: deps.settings, admitted: world.admitted.has(name) });
    view.attention = new Set();
    for (const { taskId, at } of plan.wakes) world.wakes.push({ run: name, taskId, at });
    if (plan.actions.length > 0) slices.push({ name, view, actions: plan.actions });
    else if (view.run.state === 'pending') dropView(world, name);
  }
  return slices;
}

/** Effects of what is committed begin at once; a failure stops the rest, which is planned again from the records. */
async function commitAll(context: TurnContext, slices: readonly Slice[]): Promise<void> {
  const { world, deps } = context;
  const queue = slices.flatMap((slice) => cut(slice, sliceLength(deps.state.limits)));
  try {
    let next = 0;
    while (next < queue.length || world.outbox.size > 0 || world.leftovers.size > 0) {
      // A start does not wait until all of a large turn is written.
      await takeOffers(context);
      const batch = newBatch(context);
      const outbox = fillFromOutbox(world, batch);
      next += fillFromSlices(queue, next, batch);
      await commitBatch(context, batch, outbox);
    }
  } catch (error) {
    // Whether it was written or not: the records decide, so they are read again.
    for (const { name } of slices) world.stale.add(name);
    world.counterStale = true;
    throw error;
  }
}

function cut(slice: Slice, length: number): Slice[] {
  if (slice.actions.length <= length) return [slice];
  const slices: Slice[] = [];
  for (let start = 0; start < slice.actions.length; start += length) {
    slices.push({ ...slice, actions: slice.actions.slice(start, start + length) });
  }
  return slices;
}

function fillFromOutbox(world: World, batch: Batch): readonly string[] {
  const taken: string[] = [];
  for (const [key, waiting] of world.outbox) {
    if (!batch.addOutbox(key, waiting)) break;
    taken.push(key);
  }
  for (const key of world.leftovers) {
    if (!batch.addLeftover(key)) break;
    taken.push(key);
  }
  return taken;
}

/** How many slices from `start` on the batch took. */
function fillFromSlices(queue: readonly Slice[], start: number, batch: Batch): number {
  const names = new Set<string>();
  for (let next = start; ; next += 1) {
    const slice = queue[next];
    // A run's later slice builds on the records that its earlier one writes: one slice of a run in a transaction.
    if (slice === undefined || names.has(slice.name) || !batch.add(slice)) return next - start;
    names.add(slice.name);
  }
}

/** After a failed commit: nothing is committed before this has gone through. */
export async function recover({ deps, world, leadership }: TurnContext): Promise<void> {
  const intake = { state: deps.state, log: deps.log, world, leadership };
  await readCounter(intake);
  // What was taken from the outbox may or may not be in the log now: only what is still there is taken again.
  world.outbox.clear();
  await listOutbox(intake);
  world.counterStale = false;
}
