// What the leader's loop stands on, filled in by the composition root.

import type { Variable } from '../../store/model/config.ts';
import type { Instant, RunKey } from '../../store/model/ids.ts';
import type { StateStore } from '../../store/state/port.ts';
import type { Engine } from '../engines/port.ts';
import type { PlanSettings } from '../plan/draft.ts';

export interface LoopSettings extends PlanSettings {
  /** Runs in flight in the whole service. */
  readonly globalRunLimit: number;
  /** Upper bound, and value for 0, of a pipeline's own parallelism. */
  readonly pipelineRunLimit: number;
  /** Where tasks reach the API; given to them as GOFER_API_BASE_URL. */
  readonly apiBaseUrl: string;
  /** All is read again this often: the safety net below the watches. */
  readonly relistMs: number;
}

export type Resolved =
  | { readonly ok: true; readonly env: Readonly<Record<string, string>> }
  /** `problem` names the variable and the placeholder, never a value. */
  | { readonly ok: false; readonly problem: string };

/** Turns placeholders into values, at dispatch only (spec 6). Throws 'unavailable' when a store cannot be reached. */
export interface VariableResolver {
  resolve(run: RunKey & { readonly retryOf: number }, variables: readonly Variable[]): Promise<Resolved>;
}

export interface LoopLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LoopDeps {
  readonly state: StateStore;
  readonly engine: Engine;
  readonly resolver: VariableResolver;
  readonly settings: LoopSettings;
  /** Wall-clock time that never goes back within a process. */
  readonly now: () => Instant;
  readonly log: LoopLog;
}
