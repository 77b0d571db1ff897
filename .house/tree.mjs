// What holds for the tree as a whole: which top folders there are, that each has a short README, that no file is too long
// (also those that ESLint does not read), and that no file names a place that exists on one machine only.
//
// `node .house/tree.mjs [--root FOLDER]`: another folder is for tests.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { FOLDERS } from './folders.mjs';
import { ROOT } from './root.mjs';

const README_LINES_MAX = 80;
const CODE_LINES_MAX = 400;

const CODE = /[.](ts|mts|cts|js|mjs|cjs|sh|proto)$/;
const BINARY = /[.](png|jpg|ico|gz|tgz|tar|woff2?)$/;

/** Made by tools, or not part of the tree. */
const NOT_OURS = ['.git', 'node_modules', 'dist', 'coverage', '.gofer', 'api/gen'];

/** One of its files is longer than allowed, so that the rule can be seen to bite. */
const CANARY = '.house/canary/';

/** Written with brackets, so that this file does not find itself. */
const FORBIDDEN_TEXTS = [
  { what: 'a package registry', text: /registry[.]?(npmjs|yarnpkg|npmmirror)[.]|"resolved": "[a-z]+:/ },
  { what: 'a path of one machine', text: /(^|[^\w.-])[/](work|home|Users)[/]\w|(^|[^\w-])shared[/]\w/ },
  { what: 'a thing to mend', text: /\bFIX[M]E\b/ },
  { what: 'a thing to do without its issue', text: /\bTO[D]O\b(?! ?[(]#\d+[)])/ },
];

const { values } = parseArgs({ options: { root: { type: 'string', default: ROOT } } });
const files = filesBelow(values.root, '');
const faults = [
  ...folderFaults(files),
  ...readmeFaults(values.root, files),
  ...files.flatMap((file) => fileFaults(values.root, file)),
];
for (const fault of faults) console.log(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

/** @param {readonly string[]} files */
function folderFaults(files) {
  return topFolders(files)
    .filter((folder) => !folder.startsWith('.') && !FOLDERS.includes(folder))
    .map((folder) => `${folder}/: there are no other top folders than ${FOLDERS.join(', ')}`);
}

/** @param {string} root @param {readonly string[]} files */
function readmeFaults(root, files) {
  return topFolders(files)
    .filter((folder) => FOLDERS.includes(folder))
    .flatMap((folder) => {
      const readme = `${folder}/README.md`;
      if (!existsSync(path.join(root, readme))) return [`${readme}: is missing`];
      const lines = lineCount(readFileSync(path.join(root, readme), 'utf8'));
      return lines > README_LINES_MAX ? [`${readme}: ${lines} lines, at most ${README_LINES_MAX} are allowed`] : [];
    });
}

/** @param {string} root @param {string} file */
function fileFaults(root, file) {
  if (BINARY.test(file)) return [];
  const text = readFileSync(path.join(root, file), 'utf8');
  const lines = lineCount(text);
  const long = CODE.test(file) && !file.startsWith(CANARY) && lines > CODE_LINES_MAX;
  return [
    ...(long ? [`${file}: ${lines} lines, at most ${CODE_LINES_MAX} are allowed`] : []),
    ...FORBIDDEN_TEXTS.flatMap(({ what, text: forbidden }) => namedIn(text, forbidden, `${file}: names ${what}`)),
  ];
}

/** @param {string} text @param {RegExp} forbidden @param {string} fault */
function namedIn(text, forbidden, fault) {
  const line = text.split('\n').findIndex((candidate) => forbidden.test(candidate));
  return line === -1 ? [] : [`${fault} (line ${line + 1})`];
}

/** @param {readonly string[]} files */
function topFolders(files) {
  return [...new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0] ?? ''))];
}

/** @param {string} root @param {string} folder relative to root, with a slash at its end */
function filesBelow(root, folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}${entry.name}`;
    if (NOT_OURS.includes(entry.name) || NOT_OURS.includes(name)) return [];
    if (entry.isDirectory()) return filesBelow(root, `${name}/`);
    return entry.isFile() ? [name] : [];
  });
}

/** @param {string} text */
function lineCount(text) {
  return text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}
