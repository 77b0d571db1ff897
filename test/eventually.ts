// Waits for a claim about another process or task to become true, in place of timed sleeps.

/** Long enough for a loaded machine; a claim that needs longer is false. */
const EVENTUALLY_LIMIT_MS = 10_000;
const EVENTUALLY_PAUSE_MS = 10;

/** Runs the assertion until it passes and gives its value; after ten seconds its last error is thrown. */
export async function eventually<T>(assertion: () => T | Promise<T>, limitMs = EVENTUALLY_LIMIT_MS): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, EVENTUALLY_PAUSE_MS));
  }
}
