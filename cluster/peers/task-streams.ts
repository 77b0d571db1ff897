// The streams of a task's body that a node serves for others. Engines and the API have the same shape in mind, so the composition
// root hands an engine in here and what comes out to the API.

import type { AttemptId, Instant } from '../../store/model/ids.ts';

export type StreamName = 'stdout' | 'stderr';

/** How many bytes of each stream the reader has. */
export type StreamPosition = Readonly<Record<StreamName, number>>;

export interface StreamChunk {
  readonly stream: StreamName;
  readonly at: Instant;
  readonly bytes: Uint8Array;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface StreamSession {
  readonly output: AsyncIterable<StreamChunk>;
  write(bytes: Uint8Array): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  readonly exitCode: Promise<number | null>;
  close(): Promise<void>;
}

export interface LogsOptions {
  readonly from?: StreamPosition;
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly terminal: TerminalSize | null;
  readonly signal: AbortSignal;
}

export interface TaskStreams {
  /** Throws 'not_found' when the engine has nothing under this id. */
  logs(id: AttemptId, options: LogsOptions): AsyncIterable<StreamChunk>;
  /** Throws 'conflict' when the body does not run. */
  exec(id: AttemptId, options: ExecOptions): Promise<StreamSession>;
}
