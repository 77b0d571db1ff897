// The engine port: where containers run. Shaped so that Nomad, Kubernetes, Docker and host processes all fit.
// One conformance suite: test/conformance/engine-suite.ts.
//
// An attempt's id is its name in the engine. The promises that matter: `submit` of the same id never starts a second body,
// whoever calls it and however late; and `lookup` tells what became of an id for as long as it was not forgotten. An engine
// that cannot be reached throws AppError('unavailable'): that delays, it never decides an attempt's fate.

import type { RegistryAuth, Resources } from '../../store/model/config.ts';
import type { AttemptId, Instant } from '../../store/model/ids.ts';
import type { AttemptReport } from '../../store/model/report.ts';

export type { AttemptReport } from '../../store/model/report.ts';

export interface AttemptSpec {
  readonly id: AttemptId;
  readonly image: string;
  /** null = the image's own. */
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[] | null;
  /** Final values: placeholders are resolved, so this must never be logged. */
  readonly env: Readonly<Record<string, string>>;
  readonly registryAuth: RegistryAuth | null;
  readonly pull: 'missing' | 'always';
  readonly resources: Resources;
}

export type LogStream = 'stdout' | 'stderr';

/** How far each stream has been read, in bytes: where a reader goes on after a break. */
export type LogPosition = Readonly<Record<LogStream, number>>;

export interface LogChunk {
  readonly stream: LogStream;
  /** When the bytes were seen. */
  readonly at: Instant;
  /** Any bytes, cut anywhere. */
  readonly bytes: Uint8Array;
}

export interface LogOptions {
  /** Absent = from the beginning. */
  readonly from?: LogPosition;
  /** Go on until the attempt has ended and everything was delivered; else stop at what is there now. */
  readonly follow: boolean;
  readonly signal?: AbortSignal;
}

export interface ExecOptions {
  readonly command: readonly string[];
  /** A terminal of this size; null = pipes. */
  readonly terminal: { readonly columns: number; readonly rows: number } | null;
  readonly signal: AbortSignal;
}

/** One more process beside a running body. */
export interface ExecSession {
  /** Ends when the process has ended and its output was delivered. With a terminal all of it is 'stdout'. */
  readonly output: AsyncIterable<LogChunk>;
  write(bytes: Uint8Array): Promise<void>;
  endInput(): Promise<void>;
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** Exit code; null when it cannot be known. */
  readonly exitCode: Promise<number | null>;
  close(): Promise<void>;
}

/** 'unclear': nothing can be told of this attempt at the moment; the others are told of. */
export type LookUpAnswer = AttemptReport | { readonly id: AttemptId; readonly state: 'unclear'; readonly why: string };

export interface EngineListener {
  /** The newest known state of an attempt changed. May be told twice, never out of order for one attempt. */
  changed(report: AttemptReport): void;
  /** Changes may have been missed: look the open attempts up again. */
  missed(why: string): void;
}

export interface Engine {
  readonly kind: 'process' | 'docker' | 'nomad' | 'kubernetes' | 'instant';

  /**
   * `local`: only nodes on this machine can reach the same attempts. `where` names the machine, socket or address, for the operator.
   */
  readonly reach: { readonly scope: 'local' | 'shared'; readonly where: string };

  /**
   * Nodes whose engines answer the same text reach the very same attempts; it outlives restarts of the node, the engine and the
   * machine. Throws 'unavailable' while the engine cannot be asked; answers at once when it was asked before.
   */
  identity(): Promise<string>;

  /**
   * Starts the body unless this id was ever submitted before; then it answers with the state of that earlier one. Resolves when
   * the engine has durably accepted ('pending' or later). A fault of the request itself (missing image or command) is an 'ended'
   * report with `not_started`, not an exception. After 'unavailable' the outcome is unknown: look up, or submit again.
   */
  submit(spec: AttemptSpec, options: { readonly signal: AbortSignal }): Promise<AttemptReport>;

  /**
   * What became of these ids, in the same order. `fence: true` is asked by a new leader that is about to submit: an id that is
   * only half submitted (created, never started) is settled so that a late call of an older leader cannot start it any more. What cannot
   * be told of one id now does not keep the others' answers back: it is 'unclear', and has to be asked about again.
   */
  lookup(ids: readonly AttemptId[], options?: { readonly fence?: boolean }): Promise<readonly LookUpAnswer[]>;

  /** Every attempt of this installation that the engine still holds. */
  list(): Promise<readonly AttemptReport[]>;

  /** Tells the listener about changes until `signal` aborts. One listener at a time. */
  watch(listener: EngineListener, options: { readonly signal: AbortSignal }): void;

  /**
   * Asks the body to end (SIGTERM), and kills it after `graceMs`; 0 = at once. An id without a body never gets one any more: a submit
   * that is still on its way, from whichever node, starts nothing. Repeatable; ended ids are no error.
   */
  stop(id: AttemptId, options: { readonly graceMs: number }): Promise<void>;

  /** Throws 'not_found' for an unknown id and for one that never started. */
  logs(id: AttemptId, options: LogOptions): AsyncIterable<LogChunk>;

  /** Throws 'not_found', or 'conflict' when the body is not running. */
  exec(id: AttemptId, options: ExecOptions): Promise<ExecSession>;

  /**
   * Lets go of an ended attempt and its log. Called only once its outcome is committed and its log archived. A tombstone may stay
   * for as long as a late submit is possible: after `forget`, a submit of the same id must still not start a body, also when it is
   * the first one. What is left of a start that never came to a body goes too; a body that runs stays ('conflict', or nothing happens).
   */
  forget(id: AttemptId): Promise<void>;

  /** Removes tombstones that no late submit can meet any more. For the leader, now and then; may be called at any time. */
  tidy(): Promise<void>;

  close(): Promise<void>;
}
