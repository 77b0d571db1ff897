// What holding the leader key means to the work that is done under it.

import { AppError } from '../store/model/errors.ts';
import { keys } from '../store/keys.ts';
import type { Compare } from '../store/state/port.ts';

/** One uninterrupted reign. Every write of the leader carries `fence`; `check` comes right before each outside effect. */
export interface Leadership {
  /** Create revision of the leader key: grows for ever, never used twice. */
  readonly term: number;
  /** The compare that an old leader's write fails. The record's own compare is the writer's to add. */
  readonly fence: Compare;
  /** Aborts the moment that this node must stop leading. */
  readonly signal: AbortSignal;
  /** Throws 'lost_leadership' once this node can no longer be sure that it leads. Narrows the window; the fence closes it. */
  check(): void;
  /** For work that saw the fence fail: gives the term up at once. */
  lost(why: string): void;
}

/** Work that only the leader does. It is started with a term and has to stop with it. */
export interface LeaderDuty {
  readonly name: string;
  /** Resolves once the duty has stopped, which it does when the leadership's signal aborts. A rejection ends the term. */
  run(leadership: Leadership): Promise<void>;
}

export interface Reign {
  readonly leadership: Leadership;
  /** Counted from the sending of the last keep-alive that was answered, on the monotonic clock. */
  extend(sentAtMs: number): void;
  end(why: string): void;
}

export function createReign(options: {
  readonly term: number;
  readonly sentAtMs: number;
  /** How long an answered keep-alive lets us lead. */
  readonly holdMs: number;
  readonly monotonicMs: () => number;
}): Reign {
  const { term, holdMs, monotonicMs } = options;
  const controller = new AbortController();
  let deadlineMs = options.sentAtMs + holdMs;

  function end(why: string): void {
    controller.abort(new AppError('lost_leadership', 'This node no longer leads.', { detail: why }));
  }

  return {
    leadership: {
      term,
      fence: { target: 'create', key: keys.leader(), equals: term },
      signal: controller.signal,
      check: () => {
        if (monotonicMs() >= deadlineMs) end('no keep-alive was answered in time');
        controller.signal.throwIfAborted();
      },
      lost: end,
    },
    extend: (sentAtMs) => {
      deadlineMs = Math.max(deadlineMs, sentAtMs + holdMs);
    },
    end,
  };
}
