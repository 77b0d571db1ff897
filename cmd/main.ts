// The one executable: the server, and everything else as its client. Only what the first word needs is loaded; help and
// version load nothing.

import { HELP_TEXT } from './cli/help-text.ts';

const args = process.argv.slice(2);

/** Conventional exit codes of programs that a signal ended. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

if (asksForHelp(args)) {
  process.stdout.write(HELP_TEXT);
} else if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`gofer ${GOFER_VERSION} (${GOFER_COMMIT})\n`);
} else {
  exitAfterOutput(await run());
}

function asksForHelp([first, ...rest]: readonly string[]): boolean {
  return first === undefined || (rest.length === 0 && (first === 'help' || first === '--help' || first === '-h'));
}

async function run(): Promise<number> {
  if (args[0] === 'service' && args[1] === 'start') return serviceStart(args.slice(2));
  if (args[0] === 'demo') return demo(args.slice(1));
  const [{ runCli }, { processTerminal }] = await Promise.all([
    import('./cli/run-cli.ts'),
    import('./cli/terminal.ts'),
  ]);
  ignoreClosedPipe();
  const terminal = processTerminal(process.env);
  return runCli({ args, terminal, programs: { serviceStart, demo }, signal: interruptSignal() });
}

/** Imported only here: the server is the larger part of this executable. */
async function serviceStart(rest: readonly string[]): Promise<number> {
  return (await import('./server/service.ts')).serviceStart(rest);
}

async function demo(rest: readonly string[]): Promise<number> {
  return (await import('./server/demo.ts')).demo(rest);
}

/** The first signal lets the command end itself; the second ends the process. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(SIGNAL_EXIT[signal]);
      controller.abort();
    });
  }
  return controller.signal;
}

/** `gofer run list | head -1`: the reader has seen enough, and that is no failure. */
function ignoreClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}

/** What is still on its way out is written first; idle connections to the server hold nothing up. */
function exitAfterOutput(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}
