// The tree of commands as a whole: help, examples and completion agree with it; and how failures are told.

import { Readable } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { CliError } from '../../../../cmd/cli/cli-error.ts';
import { DEFAULT_SETTINGS } from '../../../../cmd/cli/cli-settings.ts';
import { SHELLS, completionScript } from '../../../../cmd/cli/completion/scripts.ts';
import { commandTree, type CommandNode } from '../../../../cmd/cli/completion/tree.ts';
import { EXIT, exitCodesText } from '../../../../cmd/cli/exit-codes.ts';
import type { Host } from '../../../../cmd/cli/host.ts';
import { createWholeProgram } from '../../../../cmd/cli/program.ts';
import { describeFailure } from '../../../../cmd/cli/report-failure.ts';
import type { Terminal } from '../../../../cmd/cli/terminal.ts';
import { paintNothing } from '../../../../cmd/cli/text/paint.ts';
import { ApiError, StreamClosedError, UnreachableError } from '../../../../sdk/client/errors.ts';

const nothing = () => undefined;

const terminal: Terminal = {
  out: nothing,
  err: nothing,
  drained: () => Promise.resolve(),
  stdin: Readable.from([]),
  inIsTerminal: false,
  paint: paintNothing,
  errPaint: paintNothing,
  canRedraw: false,
  errIsTerminal: false,
  columns: () => 120,
  rows: () => 24,
};

const program = () => Promise.resolve(0);
const host: Host = {
  programs: { serviceStart: program, demo: program },
  args: [],
  perform: () => Promise.resolve(),
  exitWith: nothing,
  wholeProgram: () => createWholeProgram(host, terminal),
};

interface Leaf {
  readonly path: string;
  readonly node: CommandNode;
  readonly help: string;
}

let root: CommandNode;
const leaves: Leaf[] = [];

beforeAll(async () => {
  const gofer = await host.wholeProgram();
  root = commandTree(gofer);
  const collect = (command: typeof gofer, path: string) => {
    if (command.commands.length > 0) {
      for (const child of command.commands) collect(child, `${path} ${child.name()}`);
      return;
    }
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    leaves.push({ path, node: commandTree(command), help });
  };
  collect(gofer, 'gofer');
});

describe('commands', () => {
  test('commands: each has a summary, and an example of itself', () => {
    // These are programs of the server, with a help of their own.
    const own = leaves.filter(({ path }) => !['gofer demo', 'gofer service start'].includes(path));
    const without = own.filter(
      ({ path, node, help }) => node.summary === '' || (!help.includes(`  ${path}`) && !help.includes(`| ${path}`)),
    );
    expect(without.map(({ path }) => path)).toEqual([]);
  });

  test('commands: every option in an example exists', () => {
    const unknown = leaves.flatMap(({ path, node, help }) => {
      const examples = help
        .slice(help.indexOf('\nExample'))
        .split('\n')
        .filter((line) => line.includes(`${path} `));
      const known = new Set([...root.options, ...node.options].flatMap(({ flags }) => flags));
      const used = examples.flatMap((line) => [...line.matchAll(/ (--?[a-z][a-z-]*)/g)].map(([, flag = '']) => flag));
      return used
        .filter((flag) => !known.has(flag) && !path.startsWith('gofer service'))
        .map((flag) => `${path} ${flag}`);
    });
    expect(unknown).toEqual([]);
  });

  test('commands: no letter means two things for one command', () => {
    const double = leaves.flatMap(({ path, node }) => {
      const flags = [...root.options, ...node.options]
        .flatMap((option) => option.flags)
        .filter((flag) => flag !== '-h');
      return flags
        .filter((flag, index) => flag !== '--help' && flags.indexOf(flag) !== index)
        .map((flag) => `${path} ${flag}`);
    });
    expect(double).toEqual([]);
  });

  test.each(SHELLS)('completion for %s: has every command and option', (shell) => {
    const script = completionScript(shell, root);
    for (const { path, node } of leaves) {
      expect(script).toContain(`'${path}'`);
      for (const { flags } of node.options) {
        const [long = ''] = flags;
        expect(script).toContain(shell === 'fish' ? `-l ${long.slice(2)}` : long);
      }
    }
  });

  test('completion: quotes in a summary do not end a word of the script', () => {
    const node = { name: 'gofer', summary: '', options: [], takesPath: false };
    const child: CommandNode = { ...node, name: 'one', summary: "it's", children: [] };
    expect(completionScript('fish', { ...node, children: [child] })).toContain(`-a one -d 'it'\\''s'`);
  });
});

test('exit codes: each is explained once', () => {
  const explained = [...exitCodesText().matchAll(/^ +(\d+) {2}/gm)].map(([, code]) => Number(code));
  expect(explained).toEqual(Object.values(EXIT));
});

describe('failures', () => {
  const place = { settings: DEFAULT_SETTINGS, command: 'pipeline get hello' };

  test.each<readonly [name: string, error: unknown, code: number, message: RegExp]>([
    ['404', new ApiError(404, 'Not Found', 'r1'), EXIT.notFound, /^Not found: pipeline get hello \(namespace default/],
    ['a missing object', new ApiError(400, 'Object not found', ''), EXIT.notFound, /^Not found/],
    ['an object that is there', new ApiError(400, 'Object x exists already', ''), EXIT.conflict, /exists already/],
    ['400', new ApiError(400, 'name: expected text', ''), EXIT.usage, /^name: expected text$/],
    ['401', new ApiError(401, 'No token', ''), EXIT.denied, /No token/],
    ['403', new ApiError(403, 'Not yours', ''), EXIT.denied, /Not yours/],
    ['409', new ApiError(409, 'It exists already', ''), EXIT.conflict, /exists/],
    ['503 of a disabled pipeline', new ApiError(503, 'Pipeline x is disabled', ''), EXIT.conflict, /disabled/],
    ['500', new ApiError(500, 'Internal', 'r1'), EXIT.failure, /Internal/],
    [
      'no answer',
      new UnreachableError('http://x', new Error('refused')),
      EXIT.unreachable,
      /cannot be reached at http:\/\/x/,
    ],
    ['a refused stream', new StreamClosedError(1008, 'kind: no'), EXIT.usage, /^kind: no$/],
    ['a broken stream', new StreamClosedError(1006, ''), EXIT.failure, /closed the stream/],
    ['a mistake of the user', new CliError('No.', { exitCode: EXIT.usage }), EXIT.usage, /^No\.$/],
    ['a chain of causes', new Error('outer', { cause: new Error('inner') }), EXIT.failure, /^outer: inner$/],
  ])('failure: %s', (_, error, code, message) => {
    expect(describeFailure(error, place)).toMatchObject({
      exitCode: code,
      message: expect.stringMatching(message) as string,
    });
  });

  test('failure: only a fault of the server shows the id for its log', () => {
    const hints = (status: number) => describeFailure(new ApiError(status, 'x', 'r1'), place).hints.join();
    expect([hints(500), hints(400)]).toEqual([expect.stringContaining('r1'), '']);
  });
});
