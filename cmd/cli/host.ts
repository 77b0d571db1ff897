// What the files in commands/ are given to attach their commands to: it turns a function of a context into an action of
// commander, and knows how each command looks.

import { Command } from 'commander';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';

/** Programs in the same executable that are not clients. They come from outside: the CLI does not import the server. */
export interface EmbeddedPrograms {
  readonly serviceStart: (args: readonly string[]) => Promise<number>;
  readonly demo: (args: readonly string[]) => Promise<number>;
}

export interface Host {
  readonly programs: EmbeddedPrograms;
  /** The arguments as they were given, for programs that parse their own. */
  readonly args: readonly string[];
  /** Runs the work with a context made from the command's options; its answer is the exit code, nothing means 0. */
  readonly perform: (command: Command, work: (context: Context) => Promise<ExitCode | void>) => Promise<void>;
  /** Ends with the exit code of an embedded program. */
  readonly exitWith: (code: number) => void;
  /** The tree with all families in it, for what is made from the commands themselves. */
  readonly wholeProgram: () => Promise<Command>;
}

/** Attaches the commands of one family. */
export type DefineFamily = (family: Command, host: Host) => void;

export interface LeafSpec {
  /** Name and arguments, as commander reads them: `get <id>`. */
  readonly usage: string;
  readonly summary: string;
  readonly examples: readonly string[];
}

/** A command that does something, with help that shows how. */
export function leaf(parent: Command, { usage, summary, examples }: LeafSpec): Command {
  return describeWith(parent.command(usage), { summary, examples });
}

/** As `leaf`, for a family that is itself a command. */
export function describeWith(command: Command, { summary, examples }: Omit<LeafSpec, 'usage'>): Command {
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return command
    .description(summary)
    .addHelpText('after', `\n${title}:\n${examples.map((example) => `  ${example}`).join('\n')}`);
}

/** The action of a command: `work` is given the context, then arguments and options in commander's order. */
export function action<Args extends unknown[]>(
  host: Host,
  work: (context: Context, ...args: Args) => Promise<ExitCode | void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1);
    if (!(command instanceof Command)) throw new TypeError('commander passes the command last');
    await host.perform(command, (context) => work(context, ...args));
  };
}

/** For options that may be given several times. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
