// Ctrl-C and its like, for programs that have a cluster to take down before they end.

/** Conventional exit statuses of programs that a signal ended. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** npm passes a Ctrl-C on that the terminal has sent to everybody already: nobody presses it twice in so short a time. */
const ECHO_MS = 500;

/** Aborted by the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once, and the pieces with it (piece.ts). */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) {
        first = performance.now();
        controller.abort(new Error(`ended by ${signal}`));
      } else if (performance.now() - first > ECHO_MS) process.exit(SIGNAL_EXIT[signal]);
    });
  }
  return controller.signal;
}
