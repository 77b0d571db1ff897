// The commands and options as plain data: what completion scripts are made from.

import type { Command } from 'commander';

export interface CommandNode {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionNode[];
  readonly children: readonly CommandNode[];
  /** Whether an argument of it is a path. */
  readonly takesPath: boolean;
}

export interface OptionNode {
  /** As it is written: `--follow`, `-f`. */
  readonly flags: readonly string[];
  readonly summary: string;
  readonly takesValue: boolean;
  /** Whether that value is a path. */
  readonly takesPath: boolean;
}

const HELP: OptionNode = { flags: ['--help', '-h'], summary: 'how to use it', takesValue: false, takesPath: false };

/** The options of the program itself are valid for every command; they are at the root only. */
export function commandTree(command: Command): CommandNode {
  return {
    name: command.name(),
    summary: command.description(),
    options: [
      ...command.options.map((option) => ({
        flags: [option.long, option.short].filter((flag) => typeof flag === 'string'),
        summary: option.description,
        takesValue: option.required || option.optional,
        takesPath: option.flags.includes('<path>'),
      })),
      HELP,
    ],
    children: command.commands.map(commandTree),
    takesPath: command.registeredArguments.some((argument) => argument.name() === 'path'),
  };
}
