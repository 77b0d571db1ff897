// What holds for the tree as a whole is looked at, and told by file.

import { expect, test } from 'vitest';
import { houseCopy } from './house-copy.ts';

const README = 'a line\n';

test.each([
  { what: 'a folder without a README', files: { 'store/port.ts': '' }, wanted: ['store/README.md: is missing'] },
  {
    what: 'a README that is a book',
    files: { 'store/README.md': README.repeat(81) },
    wanted: ['store/README.md: 81 lines, at most 80 are allowed'],
  },
  {
    what: 'a folder that the architecture does not have',
    files: { 'utils/all.ts': '' },
    wanted: [expect.stringMatching(/^utils\/: there are no other top folders than api, /)],
  },
  {
    what: 'a file that is too long',
    files: { 'api/README.md': README, 'api/run.sh': 'true\n'.repeat(401) },
    wanted: ['api/run.sh: 401 lines, at most 400 are allowed'],
  },
  {
    what: 'a package registry',
    files: { '.npmrc': `registry=https://registry.${'npmjs'}.org/\n` },
    wanted: ['.npmrc: names a package registry (line 1)'],
  },
  {
    what: 'a path of somebody',
    files: { Makefile: `all:\n\tcp x ${['', 'home', 'me', 'y'].join('/')}\n` },
    wanted: ['Makefile: names a path of one machine (line 2)'],
  },
  {
    what: 'something left to be mended',
    files: { 'notes.txt': `FIX${'ME'}: later\n` },
    wanted: ['notes.txt: names a thing to mend (line 1)'],
  },
])('tree: $what is reported', async ({ files, wanted }) => {
  await using house = await houseCopy({ packages: 'none' });
  for (const [file, text] of Object.entries(files)) await house.write(`below/${file}`, text);
  const { code, lines } = await house.node(['.house/tree.mjs', '--root', 'below']);
  expect(lines).toEqual(wanted);
  expect(code).toBe(1);
});
