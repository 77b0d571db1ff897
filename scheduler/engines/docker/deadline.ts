// Waiting with a limit. Built by hand and not with AbortSignal.any: the engine's own signal lives as long as the process, and
// whatever is tied to it must be untied again.

export interface Limits {
  readonly deadlineMs: number;
  readonly signals: readonly (AbortSignal | undefined)[];
}

/** Runs the work with a signal that aborts at the deadline or with the first of the given signals. */
export async function withDeadline<T>(limits: Limits, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const both = new AbortController();
  const unlink = linkAborts(limits.signals, both);
  const late = () => both.abort(new DOMException(`no answer within ${limits.deadlineMs} ms`, 'TimeoutError'));
  const timer = setTimeout(late, limits.deadlineMs);
  try {
    both.signal.throwIfAborted();
    return await work(both.signal);
  } finally {
    clearTimeout(timer);
    unlink();
  }
}

/** Aborts the target with the first of the sources, with its reason. The result unties them. */
export function linkAborts(sources: readonly (AbortSignal | undefined)[], target: AbortController): () => void {
  const links = sources
    .filter((source) => source !== undefined)
    .map((source) => ({ source, leave: () => target.abort(source.reason) }));
  for (const { source, leave } of links) {
    if (source.aborted) leave();
    else source.addEventListener('abort', leave, { once: true });
  }
  return () => links.forEach(({ source, leave }) => source.removeEventListener('abort', leave));
}

/** Resolves after the time, or at once when the signal aborts: the caller looks at it anyway. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
