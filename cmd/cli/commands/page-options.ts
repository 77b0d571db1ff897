// The options of commands that list runs.

import type { Command } from 'commander';

export function addPageOptions(command: Command): Command {
  return command
    .option('-l, --limit <count>', 'at most this many runs', '10')
    .option('-o, --offset <count>', 'leave out this many first', '0')
    .option('-n, --no-reverse', 'oldest first');
}
