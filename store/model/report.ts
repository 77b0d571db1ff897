// What is seen of an attempt from outside: the vocabulary between the engines and the planner.

import type { AttemptId, Instant } from './ids.ts';
import type { AttemptEnd } from './run.ts';

/** What an engine says of one attempt. */
export type AttemptReport =
  /** Never heard of, or forgotten. */
  | { readonly id: AttemptId; readonly state: 'unknown' }
  /** Accepted; the body has not started (pulling, queued for a machine). `note` says what it waits for. */
  | { readonly id: AttemptId; readonly state: 'pending'; readonly note: string }
  | { readonly id: AttemptId; readonly state: 'running'; readonly startedAt: Instant }
  | {
      readonly id: AttemptId;
      readonly state: 'ended';
      /** 0 when the body never started. */
      readonly startedAt: Instant;
      readonly endedAt: Instant;
      readonly end: AttemptEnd;
    };
