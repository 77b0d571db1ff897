// Takes a cluster down when the process that started it is told to end. Programs that have something to say first do it themselves.

/** Conventional exit statuses of programs that a signal ended. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

type Ending = keyof typeof SIGNAL_EXIT;
const ENDINGS: readonly Ending[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The first signal closes and ends the process, the second ends it at once. */
export function closeOnSignal(close: () => Promise<void>): void {
  for (const signal of ENDINGS) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(SIGNAL_EXIT[signal]));
      const exit = () => process.exit(SIGNAL_EXIT[signal]);
      close().then(exit, exit);
    });
  }
}
