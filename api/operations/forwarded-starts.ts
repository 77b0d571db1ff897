// Starts on a node that does not lead: they are handed to the leader, who makes all nodes' runs of a pipeline together and plans them in
// the same transaction. When that does not work, for whatever reason, this node makes them itself: each start has a key, so there is one
// run however often it is tried.

import { AppError, isAppError } from '../../store/model/errors.ts';
import type { PendingRun } from '../../store/model/run.ts';
import type { RunStarter, StartRequest } from './run-starter.ts';

export interface KeyedStart extends StartRequest {
  readonly idempotencyKey: string;
}

/** The way to the node that leads. */
export interface LeaderDoor {
  /** Whether there is one to hand starts to. */
  isOpen(): boolean;
  /** In their order; null = not made there, as far as is known. Never throws. */
  start(starts: readonly KeyedStart[]): Promise<readonly (PendingRun | null)[]>;
}

interface ForwardedStartsOptions {
  readonly own: RunStarter;
  readonly leader: LeaderDoor;
  readonly newId: () => string;
  /** Of the starts in one message. */
  readonly bytesMax: number;
}

/** Messages on their way at once: one that takes long does not hold up all others. */
const MESSAGES_MAX = 4;
/** In one message: about what goes into one transaction. */
const STARTS_MAX = 64;
const BYTES_PER_START = 512;

interface Waiting {
  readonly start: KeyedStart;
  readonly bytes: number;
  readonly settle: (run: PendingRun | null) => void;
}

export function createForwardedStarts({ own, leader, newId, bytesMax }: ForwardedStartsOptions): RunStarter {
  const waiting: Waiting[] = [];
  let underWay = 0;

  function take(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < waiting.length && count < STARTS_MAX) {
      bytes += waiting[count]?.bytes ?? 0;
      if (count > 0 && bytes > bytesMax) break;
      count += 1;
    }
    return waiting.splice(0, count);
  }

  async function send(): Promise<void> {
    underWay += 1;
    // What arrives in the same moment goes together.
    await Promise.resolve();
    while (waiting.length > 0) {
      const group = take();
      const runs = await leader.start(group.map(({ start }) => start));
      for (const [index, { settle }] of group.entries()) settle(runs[index] ?? null);
    }
    underWay -= 1;
  }

  function hand(start: KeyedStart, bytes: number): Promise<PendingRun | null> {
    return new Promise((settle, fail) => {
      waiting.push({ start, bytes, settle });
      if (underWay < MESSAGES_MAX) send().catch(fail);
    });
  }

  return {
    start: async (request) => {
      const bytes = bytesOf(request);
      if (bytes > bytesMax || !leader.isOpen()) return own.start(request);
      const keyed = { ...request, idempotencyKey: request.idempotencyKey ?? `by-node:${newId()}` };
      return (await hand(keyed, bytes)) ?? startAfterAll(own, keyed);
    },
  };
}

/** The leader may have it still: that nothing was written here does not mean that nothing will be. */
async function startAfterAll(own: RunStarter, start: KeyedStart): Promise<PendingRun> {
  try {
    return await own.start(start);
  } catch (error) {
    if (!isAppError(error, 'unavailable') || error.outcome !== 'not_applied') throw error;
    throw new AppError('unavailable', error.message, { outcome: 'unknown', cause: error });
  }
}

function bytesOf({ variables }: StartRequest): number {
  return BYTES_PER_START + (variables.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(variables)));
}
