/** A server as a process, or three nodes in the place of one. */
export interface RealServer {
  readonly url: string;
  /** Of the (first) process. */
  readonly pid: number;
  /** Of all processes that serve. */
  readonly pids: readonly number[];
  /** All that it has logged so far. */
  log(): string;
  /** kill -9, and gone when this resolves. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null>;
}
