// Runs one command line and answers with its exit code. Every failure ends here as a message that says what to do next.

import { CommanderError, type Command } from 'commander';
import { createClient } from '../../sdk/client/client.ts';
import { usageError, type CliError } from './cli-error.ts';
import { loadSettings, settingsSources, type CliSettings } from './cli-settings.ts';
import { createContext } from './context.ts';
import { EXIT, exitCodesText } from './exit-codes.ts';
import type { EmbeddedPrograms, Host } from './host.ts';
import { createProgram, createWholeProgram, settingsOf } from './program.ts';
import { reportFailure } from './report-failure.ts';
import type { Terminal } from './terminal.ts';

export interface CliCall {
  readonly args: readonly string[];
  readonly terminal: Terminal;
  readonly programs: EmbeddedPrograms;
  readonly signal: AbortSignal;
}

export async function runCli(call: CliCall): Promise<number> {
  const { terminal, programs, signal } = call;
  const args = withoutHelpWord(call.args);
  if (args === 'exit-codes') {
    terminal.out(`${exitCodesText()}\n`);
    return EXIT.ok;
  }
  let exitCode: number = EXIT.ok;
  let settings: CliSettings | null = null;
  let place = 'gofer';
  const host: Host = {
    programs,
    args,
    exitWith: (code) => {
      exitCode = code;
    },
    wholeProgram: () => createWholeProgram(host, terminal),
    async perform(command, work) {
      place = commandText(command);
      settings = await loadSettings(settingsSources(settingsOf(command)));
      const server = { baseUrl: settings.apiBaseUrl, token: settings.token, signal };
      await using client = createClient(server);
      await using singleTry = createClient({ ...server, retryMs: 0 });
      const context = createContext({ settings, client, singleTry, terminal, signal, now: Date.now });
      const code = await endedOrInterrupted(work(context), signal);
      exitCode = code ?? (signal.aborted ? EXIT.interrupted : EXIT.ok);
    },
  };
  const asJson = args.includes('--json');
  try {
    const program = await createProgram(host, asJson ? onlyResults(terminal) : terminal, new Set(args));
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    const isUsage = error instanceof CommanderError;
    if (isUsage && error.exitCode === 0) return EXIT.ok;
    // Commander has said it already, as text.
    if (isUsage && !asJson) return EXIT.usage;
    const failure = isUsage ? usageOf(error) : error;
    return reportFailure(failure, { terminal, settings, asJson, command: place, interrupted: signal.aborted });
  }
}

/** Programs are told what is wrong as JSON, and only so. */
function onlyResults(terminal: Terminal): Terminal {
  return { ...terminal, err: () => undefined };
}

function usageOf({ code, message }: CommanderError): CliError {
  // Commander shows its help when a command is only begun.
  if (code === 'commander.help') return usageError('The command is not complete.', 'See it with --help.');
  return usageError(message.replace(/^error: /, ''));
}

/** After Ctrl-C the work may clean up, but it is not waited for any longer than this. */
const CLEAN_UP_MS = 1_000;

async function endedOrInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | null = null;
  let onAbort: () => void = () => undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      timer = setTimeout(() => reject(new Error('interrupted')), CLEAN_UP_MS);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (timer !== null) clearTimeout(timer);
  }
}

/** `pipeline get hello`, for messages. */
function commandText(command: Command): string {
  const names: string[] = [];
  for (let current = command; current.parent !== null; current = current.parent) names.unshift(current.name());
  // The value of a secret must not show up in a message.
  const shown = command.args.filter((_, index) => command.registeredArguments[index]?.name() !== 'value');
  return [...names, ...shown].join(' ');
}

/** `gofer help run start` is `gofer run start --help`. */
function withoutHelpWord(args: readonly string[]): readonly string[] | 'exit-codes' {
  if (args[0] !== 'help') return args;
  return args[1] === 'exit-codes' ? 'exit-codes' : [...args.slice(1), '--help'];
}
