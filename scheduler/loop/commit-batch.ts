// One transaction of the leader: under the fence, and taken over into what the leader knows once it is written.

import type { Leadership } from '../../cluster/leadership.ts';
import { keys } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import type { TransactionResult } from '../../store/state/port.ts';
import { putTask } from '../plan/run-view.ts';
import { createBatch } from './batch.ts';
import type { Applied, Batch } from './batch.ts';
import type { LoopDeps } from './deps.ts';
import type { Effects } from './effects.ts';
import type { RunLoader } from './loader.ts';
import type { OfferLine } from './offer-line.ts';
import { dropView } from './world.ts';
import type { World } from './world.ts';

export interface TurnContext {
  readonly deps: LoopDeps;
  readonly world: World;
  readonly loader: RunLoader;
  readonly effects: Effects;
  readonly leadership: Leadership;
  readonly offers: OfferLine;
}

export function newBatch({ world, deps, leadership }: TurnContext): Batch {
  return createBatch({
    fence: leadership.fence,
    limits: deps.state.limits,
    counter: world.counter,
    counterRevision: world.counterRevision,
    engine: deps.engine.kind,
    now: deps.now(),
  });
}

/** Throws 'conflict' when a record was changed by somebody else: all is read and planned again. */
export async function commitBatch(context: TurnContext, batch: Batch, outbox: readonly string[]): Promise<void> {
  const { world, effects } = context;
  if (batch.empty) {
    for (const { slice } of batch.build().applied) effects.perform(slice.view, slice.actions);
    return;
  }
  const { succeeded } = await tryCommit(context, batch);
  if (!succeeded) throw new AppError('conflict', 'A record changed under the plan.', { detail: 'commit of a turn' });
  for (const key of outbox) {
    world.outbox.delete(key);
    world.leftovers.delete(key);
  }
}

/** What was written is taken over and its effects begin; on failure nothing was, and a lost fence ends the term. */
export async function tryCommit(
  { world, deps, leadership, effects }: TurnContext,
  batch: Batch,
  alsoRead: readonly string[] = [],
): Promise<TransactionResult> {
  const { transaction, counter, applied } = batch.build();
  const result = await deps.state.commit({ ...transaction, readOnFailure: [keys.leader(), ...alsoRead] });
  if (!result.succeeded) {
    const leader = result.found.find(({ key }) => key === keys.leader());
    if (leader?.createRevision !== leadership.term) leadership.lost('a fenced write was refused');
    return result;
  }
  if (counter !== world.counter) {
    world.counter = counter;
    world.counterRevision = result.revision;
  }
  for (const each of applied) apply(world, each, result.revision);
  for (const { slice } of applied) effects.perform(slice.view, slice.actions);
  return result;
}

function apply(world: World, { slice, run, tasks, asks }: Applied, revision: number): void {
  const { name, view } = slice;
  for (const task of tasks) putTask(view, task, revision);
  if (asks.length > 0) {
    view.asks = view.asks.filter(({ key }) => !asks.includes(key));
    if (view.asks.length === 0) world.asks.delete(name);
    else world.asks.set(name, view.asks);
  }
  if (run === null) return;
  if (run.state === 'complete') {
    dropView(world, name);
    world.asks.delete(name);
    world.admitted.delete(name);
    world.queue.remove(run);
    world.queue.ended(run);
    return;
  }
  view.run = run;
  view.runRevision = revision;
  if (run.state === 'running') world.admitted.delete(name);
  else if (!world.admitted.has(name) && !world.dirty.has(name)) dropView(world, name);
}
