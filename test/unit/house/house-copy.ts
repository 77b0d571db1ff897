// A small repository with the scripts of the real house in it, for tests that break something: nothing here can reach the real tree.

import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { temporaryDirectory } from '../../temporary-directory.ts';

export const ROOT = path.resolve(import.meta.dirname, '../../..');

/** What the scripts themselves read from the root. */
const HOUSE = [
  '.house',
  '.dependency-cruiser.mjs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'vitest.config.mjs',
];

export interface Ended {
  readonly code: number | null;
  /** Standard output and standard error, in the order in which they came. */
  readonly lines: readonly string[];
}

export interface HouseCopy extends AsyncDisposable {
  readonly path: string;
  write(file: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Copies a file or a folder of the real tree. */
  take(name: string): Promise<void>;
  /** Runs `node <args>` in the copy. The only npm that it finds is `npm` (a shell script); without one, any call of it fails. */
  node(args: readonly string[], options?: { readonly npm?: string; readonly ci?: boolean }): Promise<Ended>;
}

export async function houseCopy(options: { readonly packages: 'real' | 'none' }): Promise<HouseCopy> {
  const directory = await temporaryDirectory();
  const inside = (name: string): string => path.join(directory.path, 'tree', name);
  const take = (name: string): Promise<void> => cp(path.join(ROOT, name), inside(name), { recursive: true });
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(path.dirname(inside(file)), { recursive: true });
    await writeFile(inside(file), text);
  };
  for (const name of HOUSE) await take(name);
  if (options.packages === 'real') await symlink(path.join(ROOT, 'node_modules'), inside('node_modules'));
  return {
    path: inside(''),
    write,
    remove: (name) => rm(inside(name), { recursive: true }),
    take,
    node: async (args, { npm = 'echo "npm was not expected" >&2; exit 1', ci = false } = {}) => {
      const tools = path.join(directory.path, 'tools');
      await mkdir(tools, { recursive: true });
      await writeFile(path.join(tools, 'npm'), `#!/bin/sh\n${npm}\n`);
      await chmod(path.join(tools, 'npm'), 0o755);
      return runNode(args, { cwd: inside(''), tools, ci });
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** Nothing of this test run's own environment is handed on: a vitest inside of vitest would take it for its own. */
function runNode(
  args: readonly string[],
  { cwd, tools, ci }: { readonly cwd: string; readonly tools: string; readonly ci: boolean },
): Promise<Ended> {
  const PATH = `${tools}:${path.dirname(process.execPath)}:/usr/bin:/bin`;
  const env = { PATH, HOME: cwd, ...(ci ? { CI: '1' } : {}) };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (part: string) => (text += part));
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, lines: text.split('\n').filter((line) => line !== '') }));
  });
}
