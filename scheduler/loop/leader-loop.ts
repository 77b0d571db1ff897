// The scheduling duty of a leader, for one term: adopt all unfinished work, then turn after turn until the term ends. It holds no
// truth of its own: whatever it knows it has read, and a lost wake-up costs time until the next re-list.

import type { LeaderDuty, Leadership } from '../../cluster/leadership.ts';
import { errorText, isAppError } from '../../store/model/errors.ts';
import type { LoopDeps } from './deps.ts';
import { createEffects } from './effects.ts';
import { feed, listAll } from './intake.ts';
import { createRunLoader } from './loader.ts';
import { createOfferLine } from './offer-line.ts';
import type { OfferLine, OfferStarts } from './offer-line.ts';
import type { TurnContext } from './commit-batch.ts';
import { recover, takeTurn } from './turn.ts';
import { createWorld } from './world.ts';
import type { World } from './world.ts';

/** No sleep is longer: a wall clock that jumped forward is noticed soon. */
const SLEEP_MAX_MS = 1_000;
/** Waits after a commit that was not taken, doubled each time. */
const BACKOFF_FIRST_MS = 20;
const BACKOFF_MAX_MS = 2_000;

export interface LoopStatus {
  readonly running: number;
  readonly waiting: number;
}

export interface SchedulingDuty extends LeaderDuty {
  /** Null while this node does not lead. */
  status(): LoopStatus | null;
  /** Declines while this node does not lead. */
  readonly offer: OfferStarts;
}

export function createSchedulingDuty(deps: LoopDeps): SchedulingDuty {
  let world: World | null = null;
  let offers: OfferLine | null = null;
  return {
    name: 'scheduling',
    offer: async (offer) => offers?.offer(offer) ?? null,
    status: () => (world === null ? null : { running: world.queue.running, waiting: world.queue.waiting }),
    run: async (leadership) => {
      const bell = createBell();
      world = createWorld(deps.settings.globalRunLimit);
      offers = createOfferLine(() => bell.ring());
      try {
        await runTerm(deps, leadership, { world, offers, bell });
      } catch (error) {
        // Noticed in the middle of reading: the term has ended already.
        if (!isAppError(error, 'lost_leadership')) throw error;
      } finally {
        offers.decline();
        offers = null;
        world = null;
      }
    },
  };
}

interface Term {
  readonly world: World;
  readonly offers: OfferLine;
  readonly bell: Bell;
}

async function runTerm(deps: LoopDeps, leadership: Leadership, { world, offers, bell }: Term): Promise<void> {
  const wake = () => bell.ring();
  const effects = createEffects({ deps, world, leadership, wake });
  const loader = createRunLoader(deps.state, deps.log);
  const context: TurnContext = { deps, world, leadership, effects, loader, offers };
  const intake = { state: deps.state, world, log: deps.log, leadership, wake };
  const stop = new AbortController();
  const signal = AbortSignal.any([leadership.signal, stop.signal]);
  const revision = await listAll(intake);
  deps.log.info({ open: world.arrivals.size, term: leadership.term }, 'unfinished runs adopted');
  deps.engine.watch({ changed: (report) => effects.report(report), missed: () => effects.lookAgain() }, { signal });
  const feeding = feed(intake, revision + 1, signal).catch((error: unknown) => {
    leadership.lost(`the watch failed: ${errorText(error)}`);
  });
  const relist = setInterval(() => relistAll(context, intake), deps.settings.relistMs);
  try {
    await turnForEver(context, bell);
  } finally {
    clearInterval(relist);
    stop.abort();
    await effects.settled();
    await feeding;
  }
}

/** The safety net: what a watch or an engine should have told is asked for. */
function relistAll({ deps, world }: TurnContext, intake: Parameters<typeof listAll>[0]): void {
  listAll(intake)
    .then(() => {
      for (const [name, view] of world.views) {
        view.attention = 'all';
        world.dirty.add(name);
      }
      intake.wake();
    })
    .catch((error: unknown) => {
      if (!isAppError(error, 'lost_leadership')) deps.log.warn({ error: errorText(error) }, 're-list failed');
    });
}

async function turnForEver(context: TurnContext, bell: Bell): Promise<void> {
  const { leadership, deps, world, offers } = context;
  let failures = 0;
  while (!leadership.signal.aborted) {
    try {
      if (world.counterStale) await recover(context);
      const more = await takeTurn(context);
      failures = 0;
      offers.open();
      if (more) await breathe();
      else await bell.wait(sleepMs(context), leadership.signal);
    } catch (error) {
      if (leadership.signal.aborted || isAppError(error, 'lost_leadership')) return;
      if (!isAppError(error, 'unavailable') && !isAppError(error, 'conflict')) throw error;
      failures += 1;
      offers.decline();
      deps.log.warn({ error: errorText(error), failures }, 'turn not taken, trying again');
      await bell.pause(Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(failures - 1, 16), BACKOFF_MAX_MS), leadership.signal);
    }
  }
}

function sleepMs({ world, deps }: TurnContext): number {
  const next = world.wakes.next();
  if (next === null) return SLEEP_MAX_MS;
  return Math.max(0, Math.min(next - deps.now(), SLEEP_MAX_MS));
}

/** Lets sockets and timers have their turn between two of ours. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Bell {
  ring(): void;
  /** Until it rings, the time is over or the signal aborts. One ring is enough, however often it was rung. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** Until the time is over or the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

function createBell(): Bell {
  let rung = false;
  let listener: (() => void) | null = null;

  function until(ms: number, options: { readonly signal: AbortSignal; readonly rings: boolean }): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(finish, ms);
      options.signal.addEventListener('abort', finish, { once: true });
      if (options.rings) listener = finish;
      if (options.signal.aborted) finish();
      function finish(): void {
        clearTimeout(timer);
        options.signal.removeEventListener('abort', finish);
        if (options.rings) listener = null;
        resolve();
      }
    });
  }

  return {
    ring: () => {
      rung = true;
      listener?.();
    },
    wait: async (ms, signal) => {
      if (!rung) await until(ms, { signal, rings: true });
      rung = false;
    },
    pause: (ms, signal) => until(ms, { signal, rings: false }),
  };
}
