// `gofer service start` and `gofer demo`: programs of the server, which read their own options. They are here for the help, and
// for global options written before them.

import type { Command } from 'commander';
import { leaf, type Host } from '../host.ts';

export function defineService(family: Command, host: Host): void {
  const start = leaf(family, {
    usage: 'start',
    summary: 'Run one node of Gofer: the API, and everything that runs pipelines',
    examples: ['gofer service start', 'gofer service start --help'],
  });
  embed(start, host, host.programs.serviceStart);
}

export function defineDemo(command: Command, host: Host): void {
  embed(command, host, host.programs.demo);
}

function embed(command: Command, host: Host, program: (args: readonly string[]) => Promise<number>): void {
  command
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(async () => host.exitWith(await program(host.args.slice(host.args.indexOf(command.name()) + 1))));
}
