// What the operations stand on. The composition root in cmd/server fills it in; nothing here knows an adapter's name.

import type { AttemptId, Instant } from '../../store/model/ids.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import type { SecretStore } from '../../store/secrets/port.ts';
import type { StoreHealth } from '../../store/state/health.ts';
import type { StateStore } from '../../store/state/port.ts';
import type { RunStarter } from './run-starter.ts';

export type LiveStream = 'stdout' | 'stderr';

export interface LiveLogChunk {
  readonly stream: LiveStream;
  readonly at: Instant;
  readonly bytes: Uint8Array;
}

export interface LiveSession {
  readonly output: AsyncIterable<LiveLogChunk>;
  write(bytes: Uint8Array): Promise<void>;
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
  readonly exitCode: Promise<number | null>;
  close(): Promise<void>;
}

/** Bodies that are alive, or whose log is not archived yet: served by the engine, through the composition root. */
export interface LiveTasks {
  /** Throws 'not_found' when the engine has nothing under this id. */
  logs(
    id: AttemptId,
    options: {
      readonly from?: Readonly<Record<LiveStream, number>>;
      readonly follow: boolean;
      readonly signal: AbortSignal;
    },
  ): AsyncIterable<LiveLogChunk>;
  /** Throws 'conflict' when the body does not run. */
  exec(
    id: AttemptId,
    options: {
      readonly command: readonly string[];
      readonly terminal: { readonly columns: number; readonly rows: number } | null;
      readonly signal: AbortSignal;
    },
  ): Promise<LiveSession>;
}

/** Settings that operations obey; defaults and meaning in spec 2.2. */
export interface ApiSettings {
  readonly pipelineRunConcurrencyLimit: number;
  readonly pipelineObjectLimit: number;
  /** Grace for a cancelled run's bodies. */
  readonly stopTimeoutMs: number;
  /** Given to tasks as GOFER_API_BASE_URL; known once the server listens. */
  readonly taskApiUrl: () => string;
  readonly version: string;
  readonly commit: string;
}

/** The node that serves. What holds for all nodes is read from the store instead. */
export interface NodeView {
  /** As a member of its cluster; null = it is alone on its embedded store. */
  readonly name: string | null;
  /** Whether a load balancer may send requests here, and why not, in sentences. */
  readonly readiness: () => { readonly ready: boolean; readonly reasons: readonly string[] };
  /** Null = nothing to tell: the store is part of this process. */
  readonly storeHealth: () => StoreHealth | null;
}

export interface ApiDeps {
  readonly state: StateStore;
  /** Absent = one of its own, straight to the store. */
  readonly starter?: RunStarter;
  readonly objects: ObjectStore;
  readonly secrets: SecretStore;
  readonly live: LiveTasks;
  readonly settings: ApiSettings;
  /** Absent where an API stands without a node, as in tests: then it is always ready. */
  readonly node?: NodeView;
  /** What this node knows of tokens and roles; absent where nobody checks them. */
  readonly directory?: { forget(): void };
  readonly now: () => Instant;
  /** A fresh UUID v7. */
  readonly newId: () => string;
}
