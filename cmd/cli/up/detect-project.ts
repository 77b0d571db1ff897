// What `gofer up <path>` was pointed at: a project in one of the languages that have an SDK, a single program, or a finished
// document.

import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { causeChain, systemCode, usageError } from '../cli-error.ts';

export type Project =
  | { readonly kind: 'rust'; readonly directory: string }
  | { readonly kind: 'go'; readonly directory: string }
  | { readonly kind: 'node'; readonly directory: string; readonly entry: string }
  | { readonly kind: 'document'; readonly file: string };

const PROGRAM = /\.(ts|mts|cts|js|mjs|cjs)$/;

/** The usual names of a pipeline program. They come before "main", which `npm init` writes without being asked. */
const USUAL = ['pipeline.ts', 'pipeline.js', 'pipeline.mjs', 'src/pipeline.ts', 'src/pipeline.js'];
const LAST_RESORT = ['index.ts', 'index.js'];

/** Looks at the files; runs nothing. */
export async function detectProject(target: string): Promise<Project> {
  const absolute = path.resolve(target);
  const found = await stat(absolute).catch((error: unknown) => {
    throw usageError(
      systemCode(error) === 'ENOENT' ? `There is no file or folder ${absolute}.` : `Cannot read ${absolute}.`,
      'Give the folder of a pipeline project: gofer up ./my-pipeline',
    );
  });
  if (found.isDirectory()) return detectInFolder(absolute);
  if (absolute.endsWith('.json')) return { kind: 'document', file: absolute };
  if (PROGRAM.test(absolute)) return { kind: 'node', directory: path.dirname(absolute), entry: absolute };
  throw usageError(`${absolute} is neither a folder nor a .ts, .js or .json file.`);
}

async function detectInFolder(directory: string): Promise<Project> {
  const names = new Set(await readdir(directory));
  if (names.has('Cargo.toml')) return { kind: 'rust', directory };
  if (names.has('go.mod')) return { kind: 'go', directory };
  if (names.has('package.json') || USUAL.some((entry) => names.has(entry))) {
    return { kind: 'node', directory, entry: await nodeEntry(directory) };
  }
  throw usageError(
    `${directory} holds no pipeline project: no package.json, go.mod or Cargo.toml is there.`,
    'Begin one there with "npm init -y" and a file pipeline.ts.',
  );
}

async function nodeEntry(directory: string): Promise<string> {
  const named = namedEntries(await readFile(path.join(directory, 'package.json'), 'utf8').catch(() => '{}'), directory);
  if (named.gofer !== null) {
    const file = path.resolve(directory, named.gofer);
    if (await isFile(file)) return file;
    throw usageError(`package.json names the program "gofer": "${named.gofer}", but ${file} does not exist.`);
  }
  for (const entry of [...USUAL, ...(named.main === null ? [] : [named.main]), ...LAST_RESORT]) {
    const file = path.resolve(directory, entry);
    if (PROGRAM.test(file) && (await isFile(file))) return file;
  }
  throw usageError(
    `${directory} has no pipeline program.`,
    `Call it ${USUAL[0]}, or name it in package.json: "gofer": "my-program.ts"`,
  );
}

function namedEntries(
  text: string,
  directory: string,
): { readonly gofer: string | null; readonly main: string | null } {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw usageError(`${path.join(directory, 'package.json')} is not valid JSON: ${causeChain(error).join(': ')}`);
  }
  if (typeof manifest !== 'object' || manifest === null) return { gofer: null, main: null };
  return {
    gofer: 'gofer' in manifest && typeof manifest.gofer === 'string' ? manifest.gofer : null,
    main: 'main' in manifest && typeof manifest.main === 'string' ? manifest.main : null,
  };
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}
