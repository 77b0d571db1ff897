// One attempt as text for the launcher's input. The text goes through a pipe, so neither variables nor arguments are seen
// in a file or in the argument list of any process but the body itself. It is one compound command: cut off anywhere, it
// is a syntax error and starts nothing.

import type { AttemptSpec } from '../port.ts';
import { shellQuote } from './supervisor-script.ts';

/** Names that a POSIX shell can pass on. */
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Longest part of a command's name that a reason shows. */
const SHOWN_NAME_MAX = 200;

/** `hostEnv`: PATH and HOME of the server, for tasks that set none. Nothing else of its environment reaches a body. */
export function launchText(spec: AttemptSpec, hostEnv: Readonly<Record<string, string>>): string {
  const argv = commandLine(spec);
  const env = { ...hostEnv, ...spec.env };
  const refusal = whyRefused(spec);
  const head = [
    `id=${shellQuote(spec.id)}`,
    `name=${encodeText((argv[0] ?? '').slice(0, SHOWN_NAME_MAX))}`,
    `path=${refusal === null ? shellQuote(env['PATH'] ?? '') : ''}`,
    `refused=${refusal === null ? '' : encodeText(refusal)}`,
  ].join(' ');
  if (refusal !== null) return `(\n${head}\nsupervise\n) &\n`;
  const exports = Object.entries(env).map(([name, value]) => `export ${shellQuote(`${name}=${value}`)}\n`);
  const become = `become() {\n${exports.join('')}exec "$@"\n}`;
  return `(\n${head}\n${become}\nsupervise ${argv.map(shellQuote).join(' ')}\n) &\n`;
}

/** Why this can never become a process; null = it can. Names variables, never shows a value. */
export function whyRefused(spec: AttemptSpec): string | null {
  const argv = commandLine(spec);
  const [program] = argv;
  if (program === undefined) {
    return 'The task has neither entrypoint nor command; the process engine has no image to take one from.';
  }
  if (program === '') return 'The command is empty.';
  if (argv.some((argument) => argument.includes('\0'))) return 'An argument of the command holds a NUL byte.';
  for (const [name, value] of Object.entries(spec.env)) {
    if (!VARIABLE_NAME.test(name)) {
      return `Variable ${JSON.stringify(name.slice(0, SHOWN_NAME_MAX))} cannot be given to a host process: its name must be letters, digits and "_".`;
    }
    if (value.includes('\0')) return `The value of variable ${name} holds a NUL byte.`;
  }
  return null;
}

function commandLine(spec: AttemptSpec): readonly string[] {
  return [...(spec.entrypoint ?? []), ...(spec.command ?? [])];
}

/** Letters, digits and "%": safe in shell text and in one line of a file. */
export function encodeText(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      return /[A-Za-z0-9]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}
