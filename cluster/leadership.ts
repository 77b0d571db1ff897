// What holding the leader key means to the work that is done under it.

import { AppError } from '../store/model/errors.ts';
import { keys } from '../store/keys.ts';
import type { Compare } from '../store/state/port.ts';
import { createTenure } from './tenure.ts';
import type { Tenure, TenureOptions } from './tenure.ts';

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
  readonly tenure: Tenure;
  readonly end: (why: string) => void;
}

export function createReign(options: Omit<TenureOptions, 'ended'> & { readonly term: number }): Reign {
  const { term } = options;
  const ended = (why: string) => new AppError('lost_leadership', 'This node no longer leads.', { detail: why });
  const tenure = createTenure({ ...options, ended });
  return {
    tenure,
    end: tenure.end,
    leadership: {
      term,
      fence: { target: 'create', key: keys.leader(), equals: term },
      signal: tenure.signal,
      check: tenure.check,
      lost: tenure.end,
    },
  };
}
