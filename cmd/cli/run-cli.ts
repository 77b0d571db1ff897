// Runs one command line and answers with its exit code. Every failure ends here as a message that says what to do next.

import { CommanderError } from 'commander';
import { createClient } from '../../sdk/client/client.ts';
import { loadSettings, settingsSources, type CliSettings } from './cli-settings.ts';
import { createContext } from './context.ts';
import { EXIT, exitCodesText } from './exit-codes.ts';
import type { EmbeddedPrograms, Host } from './host.ts';
import { createProgram, settingsOf } from './program.ts';
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
  const host: Host = {
    programs,
    args,
    exitWith: (code) => {
      exitCode = code;
    },
    async perform(command, work) {
      settings = await loadSettings(settingsSources(settingsOf(command)));
      await using client = createClient({ baseUrl: settings.apiBaseUrl, token: settings.token });
      exitCode = (await work(createContext({ settings, client, terminal, signal, now: Date.now }))) ?? EXIT.ok;
    },
  };
  try {
    const program = await createProgram(host, terminal, new Set(args));
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportFailure(error, { terminal, settings, interrupted: signal.aborted });
  }
  return exitCode;
}

/** `gofer help run start` is `gofer run start --help`. */
function withoutHelpWord(args: readonly string[]): readonly string[] | 'exit-codes' {
  if (args[0] !== 'help') return args;
  return args[1] === 'exit-codes' ? 'exit-codes' : [...args.slice(1), '--help'];
}
