// The tree of commands, as far as the given arguments need it.

import { Command, InvalidArgumentError, Option } from 'commander';
import { asOutputFormat, type PartialSettings } from './cli-settings.ts';
import { FAMILIES } from './families.ts';
import type { Host } from './host.ts';
import type { Terminal } from './terminal.ts';

/** Defines every family that the arguments name; the others are there with their summary only. */
export async function createProgram(host: Host, terminal: Terminal, wanted: ReadonlySet<string>): Promise<Command> {
  const program = new Command('gofer')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, helpWidth: Math.min(terminal.columns(), 120) })
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${terminal.errPaint('red', 'x')} `)),
    })
    .showHelpAfterError('(add --help for the ways to write this command)');
  addGlobalOptions(program);
  for (const { name, summary, load } of FAMILIES) {
    const family = program.command(name).description(summary);
    if (wanted.has(name)) (await load())(family, host);
  }
  return program;
}

/** The same with every family whole. */
export function createWholeProgram(host: Host, terminal: Terminal): Promise<Command> {
  return createProgram(host, terminal, new Set(FAMILIES.map(({ name }) => name)));
}

function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option('--namespace <id>', 'namespace to work in'))
    .addOption(new Option('--json', 'print JSON'))
    .addOption(new Option('--output <format>', 'plain, json or silent').argParser(parseFormat))
    .addOption(new Option('--detail', 'exact times'))
    .addOption(new Option('--api-base-url <url>', 'where the server is'))
    .addOption(new Option('--token <token>', 'token to show to the server'));
}

function parseFormat(text: string): string {
  try {
    return asOutputFormat(text, '--output') ?? text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : '');
  }
}

/** The settings among a command's options. */
export function settingsOf(command: Command): PartialSettings {
  const options: Readonly<Record<string, unknown>> = command.optsWithGlobals();
  const text = (key: string) => (typeof options[key] === 'string' ? options[key] : undefined);
  return {
    apiBaseUrl: text('apiBaseUrl'),
    token: text('token'),
    namespace: text('namespace'),
    detail: options['detail'] === true ? true : undefined,
    outputFormat: options['json'] === true ? 'json' : asOutputFormat(text('output'), '--output'),
  };
}
