export const TEST_IMAGE: string;

export interface TestDocker {
  /** Empty for a daemon on TCP. */
  readonly socketPath: string;
  readonly dockerHost: string;
  /** What was done, in words. */
  readonly did: string;
}

export function ensureDocker(): Promise<TestDocker>;
export function stopDocker(): Promise<boolean>;
