// `gofer completion <shell>`: a script made from the commands and options that there are.

import type { Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../completion/scripts.ts';
import { commandTree } from '../completion/tree.ts';
import { usageError } from '../cli-error.ts';
import { action, describeWith, type Host } from '../host.ts';

export function defineCompletion(command: Command, host: Host): void {
  describeWith(command, {
    summary: 'Print a completion script for bash, zsh or fish',
    examples: [
      'source <(gofer completion bash)                                  in ~/.bashrc',
      'source <(gofer completion zsh)                                   in ~/.zshrc, after compinit',
      'gofer completion fish > ~/.config/fish/completions/gofer.fish',
    ],
  })
    .argument('<shell>', SHELLS.join(', '))
    .action(
      action(host, async ({ terminal }, shell: string) => {
        if (!isShell(shell)) throw usageError(`${shell}: expected one of ${SHELLS.join(', ')}.`);
        terminal.out(completionScript(shell, commandTree(await host.wholeProgram())));
      }),
    );
}

function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text);
}
