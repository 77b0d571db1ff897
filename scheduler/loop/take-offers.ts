// Carries out what was offered: new runs are planned before they exist, so that they are created with their first intents.

import { keys } from '../../store/keys.ts';
import { isAppError } from '../../store/model/errors.ts';
import { runKeyText } from '../../store/model/ids.ts';
import type { PendingRun } from '../../store/model/run.ts';
import type { TransactionResult } from '../../store/state/port.ts';
import { planRun } from '../plan/plan-run.ts';
import type { RunView } from '../plan/run-view.ts';
import { sliceLength } from './batch.ts';
import type { Batch } from './batch.ts';
import { newBatch, tryCommit } from './commit-batch.ts';
import type { TurnContext } from './commit-batch.ts';
import type { LoopSettings } from './deps.ts';
import type { WaitingOffer } from './offer-line.ts';
import type { Slice } from './slice-draft.ts';
import { dropView, isKnown } from './world.ts';

/** Runs of the pipeline that may run at once. */
export function parallelismOf(
  { graph }: RunView,
  { pipelineRunLimit }: Pick<LoopSettings, 'pipelineRunLimit'>,
): number {
  const wanted = graph.config.parallelism;
  return wanted === 0 ? pipelineRunLimit : Math.min(wanted, pipelineRunLimit);
}

/** Throws 'unavailable' when the store did not take a commit; those who offered have been told by then. */
export async function takeOffers(context: TurnContext): Promise<void> {
  let left = context.offers.take();
  while (left.length > 0) {
    const group: Group = { batch: newBatch(context), taken: [], started: [] };
    try {
      await fill(context, group, left);
      left = left.slice(group.taken.length);
      settle(context, group, await commit(context, group));
    } catch (error) {
      giveUp(context, group, error);
      for (const offer of left.filter((each) => !group.taken.includes(each))) offer.settle(null);
      throw error;
    }
  }
}

/** Whether it was written or not: the records decide, so they are read again. */
function giveUp({ world }: TurnContext, { taken, started }: Group, error: unknown): void {
  for (const run of started) world.stale.add(runKeyText(run));
  world.counterStale = true;
  for (const offer of taken) offer.fail(error);
}

interface Group {
  readonly batch: Batch;
  readonly taken: WaitingOffer[];
  /** Runs that are planned already. The others of the offers wait for their turn like any run, once they exist. */
  readonly started: PendingRun[];
}

async function fill(context: TurnContext, { batch, taken, started }: Group, offers: readonly WaitingOffer[]) {
  for (const offer of offers) {
    if (!batch.addGiven(offer.transaction)) return;
    taken.push(offer);
    for (const run of offer.runs) {
      const slice = await planNew(context, run);
      if (slice === null) continue;
      if (slice.actions.length <= sliceLength(context.deps.state.limits) && batch.add(slice)) started.push(run);
      else forget(context, run);
    }
  }
}

/** Null when the run has to wait, or when more would have to be known first. */
async function planNew(context: TurnContext, run: PendingRun): Promise<Slice | null> {
  const { world, deps, loader } = context;
  // What a retry takes over is read when its turn comes. And an id may have been guessed which another run has: the store will refuse it.
  if (run.retryOf !== 0 || isKnown(world, run)) return null;
  const loaded = await loader.adopt({ run, revision: 0 }).catch(nothingIfUnavailable);
  if (loaded?.kind !== 'open') return null;
  const { view } = loaded;
  // It may have been heard of in the meantime.
  if (isKnown(world, run)) return null;
  if (!world.queue.startNow({ key: run, parallelism: parallelismOf(view, deps.settings) })) return null;
  const name = runKeyText(run);
  world.views.set(name, view);
  world.admitted.add(name);
  const plan = planRun(view, { now: deps.now(), settings: deps.settings, admitted: true });
  view.attention = new Set();
  for (const { taskId, at } of plan.wakes) world.wakes.push({ run: name, taskId, at });
  return { name, view, actions: plan.actions, isNew: true };
}

function nothingIfUnavailable(error: unknown): null {
  if (isAppError(error, 'unavailable')) return null;
  throw error;
}

/** Planned for nothing: it does not exist, or not yet. */
function forget({ world }: TurnContext, run: PendingRun): void {
  const name = runKeyText(run);
  dropView(world, name);
  world.admitted.delete(name);
  world.queue.ended(run);
}

function commit(context: TurnContext, { batch, taken }: Group): Promise<TransactionResult> {
  const wanted = taken.flatMap(({ transaction }) => transaction.readOnFailure ?? []);
  return tryCommit(context, batch, [keys.eventCounter(), ...new Set(wanted)]);
}

function settle(context: TurnContext, { taken, started }: Group, result: TransactionResult): void {
  if (result.succeeded) {
    for (const offer of taken) offer.settle(result);
    return;
  }
  const { world, leadership } = context;
  for (const run of started) forget(context, run);
  const counter = result.found.find(({ key }) => key === keys.eventCounter());
  const isOurs = (counter?.modRevision ?? 0) === world.counterRevision && !leadership.signal.aborted;
  if (!isOurs) world.counterStale = true;
  const [only] = taken;
  // Of several it is not known which one was refused: each of them is committed by whoever offered it.
  if (!isOurs || taken.length > 1 || only === undefined) for (const offer of taken) offer.settle(null);
  else
    only.settle({ ...result, found: result.found.filter(({ key }) => only.transaction.readOnFailure?.includes(key)) });
}
