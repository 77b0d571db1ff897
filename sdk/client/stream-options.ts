// What a caller may ask of the streams of events and logs.

import type { Patience } from './patience.ts';
import type { OfTask } from './types.ts';

export interface EventOptions {
  /** Events of the past first. */
  readonly history?: boolean;
  /** Newest first, then end; wants `history`. */
  readonly reverse?: boolean;
  /** Only those after this event's id: where a broken stream goes on. */
  readonly after?: string;
  readonly kind?: string;
  readonly namespaceId?: string;
  readonly pipelineId?: string;
  readonly runId?: number;
  readonly signal?: AbortSignal;
}

export interface LogStreamOptions extends OfTask {
  /** Go on until the task ends (default true). */
  readonly follow?: boolean;
  /** Only the last lines. */
  readonly tail?: number;
  /** Only what came at or after this instant (ms). */
  readonly since?: number;
  /** Each line begins with its time. */
  readonly timestamps?: boolean;
  /** Absent = the newest one. */
  readonly attempt?: number;
  /** Wait for the task to start instead of being refused. */
  readonly wait?: boolean;
  readonly signal?: AbortSignal;
  /** What becomes of failures, for callers that tell somebody about them. */
  readonly patience?: Patience;
}

/** How a log is opened: the first time for good only when a server answers, later as often as `patience` says. */
export type OpenLog = (options: LogStreamOptions, isFirst: boolean) => Promise<AsyncIterable<string>>;
