// Waits for another process to come to a state, by asking it again and again.

/** Short against every time that is measured here, long against what one question costs. */
const PAUSE_MS = 10;

/** Asks until the answer is neither null nor an error; after the limit throws what `failed` makes of the last error. */
export async function waitUntil<T>(
  ask: () => T | null | Promise<T | null>,
  { limitMs, what }: { readonly limitMs: number; readonly what: () => string },
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    let fault: unknown = null;
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      if (error instanceof GaveUpError) throw error;
      fault = error;
    }
    if (performance.now() >= end) throw new Error(`${what()} (waited ${limitMs} ms)`, { cause: fault });
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Thrown by a question to say that waiting is of no use. */
export class GaveUpError extends Error {
  override readonly name = 'GaveUpError';
}
