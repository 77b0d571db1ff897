// Ctrl-C and its like, for programs that have a cluster to take down before they end.

/** Conventional exit statuses of programs that a signal ended. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Aborted by the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once, and the pieces with it (piece.ts). */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(SIGNAL_EXIT[signal]);
      controller.abort(new Error(`ended by ${signal}`));
    });
  }
  return controller.signal;
}
