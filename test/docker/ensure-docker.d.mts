export const TEST_IMAGE: string;
/** Exit status of `--revive` when there was something to revive. */
export const REVIVED: number;

export interface TestDocker {
  /** Empty for a daemon on TCP. */
  readonly socketPath: string;
  readonly dockerHost: string;
  /** What was done, in words. */
  readonly did: string;
}

export function ensureDocker(): Promise<TestDocker>;
export function reviveDocker(): Promise<boolean>;
export function stopDocker(): Promise<boolean>;
