// Completion scripts. Each knows the words after every chain of commands; ids are not completed, as that would ask the server.

import type { CommandNode, OptionNode } from './tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, root: CommandNode): string {
  switch (shell) {
    case 'bash':
      return bashScript(root);
    case 'zsh':
      return zshScript(root);
    case 'fish':
      return fishScript(root);
  }
}

interface Place {
  /** `gofer run start`, with spaces. */
  readonly path: string;
  readonly node: CommandNode;
}

function places(node: CommandNode, before = ''): readonly Place[] {
  const path = `${before} ${node.name}`.trim();
  return [{ path, node }, ...node.children.flatMap((child) => places(child, path))];
}

/** Options after which the next word is not a command. A letter that is also a switch somewhere is left out. */
function valueFlags(all: readonly Place[]): readonly string[] {
  const flags = (takesValue: boolean) =>
    new Set(all.flatMap(({ node }) => flagsOf(node.options.filter((option) => option.takesValue === takesValue))));
  const switches = flags(false);
  return [...flags(true)].filter((flag) => !switches.has(flag));
}

function flagsOf(options: readonly OptionNode[]): readonly string[] {
  return options.flatMap(({ flags }) => flags);
}

/** In single quotes, for any shell of these. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function bashScript(root: CommandNode): string {
  const all = places(root);
  const globals = flagsOf(root.options);
  const cases = all.map(({ path, node }) => {
    const words = [...node.children.map(({ name }) => name), ...flagsOf(node.options), ...globals];
    const files = node.takesPath ? ' files=1' : '';
    return `    ${quoted(path)}) words=${quoted([...new Set(words)].join(' '))}${files} ;;`;
  });
  const commands = all.filter(({ path }) => path !== root.name).map(({ path }) => quoted(path));
  return `# bash completion for gofer; load it with: source <(gofer completion bash)
_gofer() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path=gofer words= files= word index skip=
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    if [[ -n $skip ]]; then skip=; continue; fi
    case "$word" in
      ${valueFlags(all).join('|')}) skip=1 ;;
      *) case "$path $word" in ${commands.join('|')}) path="$path $word" ;; esac ;;
    esac
  done
  if [[ -n $skip ]]; then
    case "$previous" in
      --output) COMPREPLY=($(compgen -W 'plain json silent' -- "$current")) ;;
      ${pathFlags(all).join('|')}) COMPREPLY=($(compgen -f -- "$current")) ;;
      *) COMPREPLY=() ;;
    esac
    return
  fi
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -n $files && $current != -* ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _gofer gofer
`;
}

function pathFlags(all: readonly Place[]): readonly string[] {
  return [...new Set(all.flatMap(({ node }) => flagsOf(node.options.filter((option) => option.takesPath))))];
}

function zshScript(root: CommandNode): string {
  const all = places(root);
  const described = (name: string, summary: string) => quoted(`${name.replaceAll(':', '\\:')}:${summary}`);
  const optionsOf = (node: CommandNode) =>
    node.options.flatMap(({ flags, summary }) => flags.map((flag) => described(flag, summary)));
  const cases = all.map(({ path, node }) => {
    const words = [...node.children.map(({ name, summary }) => described(name, summary)), ...optionsOf(node)];
    return `    ${quoted(path)}) candidates=(${words.join(' ')})${node.takesPath ? ' files=1' : ''} ;;`;
  });
  const commands = all.filter(({ path }) => path !== root.name).map(({ path }) => quoted(path));
  return `#compdef gofer
# zsh completion for gofer; load it with: source <(gofer completion zsh)
_gofer() {
  local place=gofer files= skip= word
  local -a before=("\${words[@]:1:$((CURRENT - 2))}") candidates globals
  for word in "\${before[@]}"; do
    if [[ -n $skip ]]; then skip=; continue; fi
    case "$word" in
      ${valueFlags(all).join('|')}) skip=1 ;;
      *) case "$place $word" in ${commands.join('|')}) place="$place $word" ;; esac ;;
    esac
  done
  if [[ -n $skip ]]; then _files; return; fi
  globals=(${optionsOf(root).join(' ')})
  case "$place" in
${cases.join('\n')}
  esac
  _describe 'command' candidates
  if [[ $place != gofer ]]; then _describe 'option' globals; fi
  if [[ -n $files ]]; then _files; fi
}
compdef _gofer gofer
`;
}

function fishScript(root: CommandNode): string {
  const all = places(root);
  const lines = all.flatMap(({ path, node }) => {
    const here = `-n ${quoted(`__gofer_at ${path}`)}`;
    const commands = node.children.map(
      ({ name, summary }) => `complete -c gofer -f ${here} -a ${name} -d ${quoted(summary)}`,
    );
    const condition = node === root ? '' : ` ${here}`;
    const options = node.options.map((option) => `complete -c gofer${condition} ${fishOption(option)}`);
    const files = node.takesPath ? [`complete -c gofer ${here} -F`] : [];
    return [...commands, ...options, ...files];
  });
  const paths = all.filter(({ path }) => path !== root.name).map(({ path }) => quoted(path));
  return `# fish completion for gofer; keep it as ~/.config/fish/completions/gofer.fish
function __gofer_at
  set -l path gofer
  set -l skip
  for word in (commandline -opc)[2..-1]
    if test -n "$skip"
      set skip
      continue
    end
    if contains -- $word ${valueFlags(all).join(' ')}
      set skip 1
    else if contains -- "$path $word" ${paths.join(' ')}
      set path "$path $word"
    end
  end
  test "$path" = "$argv"
end
complete -c gofer -f
${lines.join('\n')}
`;
}

function fishOption({ flags, summary, takesValue, takesPath }: OptionNode): string {
  const written = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const value = takesValue ? ` -r${takesPath ? ' -F' : ''}` : '';
  return `${written.join(' ')}${value} -d ${quoted(summary)}`;
}
