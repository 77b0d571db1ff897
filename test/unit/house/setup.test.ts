// Setting up a clone: what it says on a Node that is too old, and that a half-made node_modules is noticed, mended and never trusted.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, houseCopy } from './house-copy.ts';
import type { Ended, HouseCopy } from './house-copy.ts';

const INSTALLING = 'Installing packages (npm ci) ...';
const REFUSED =
  'npm ci failed (see above): check the network and the npm registry, then run "npm ci" here and try again.';

/** What `npm ci` would leave behind for PACKAGE and LOCK. */
const NPM_CI = 'echo "$*" > npm-was-run; mkdir -p node_modules/word; echo "{}" > node_modules/word/package.json';
const PACKAGE = { name: 'a', version: '1.0.0', dependencies: { word: '1.0.0' } };
const LOCK = { name: 'a', lockfileVersion: 3, packages: { '': PACKAGE, 'node_modules/word': { version: '1.0.0' } } };

test.each([
  { script: '.house/setup.mjs', who: 'Node.js 20.19 or newer is needed; this is' },
  { script: 'cmd/gofer.mjs', who: 'gofer needs Node.js 20.19 or newer; this is' },
])('setup: $script says in one line which Node is needed', async ({ script, who }) => {
  await using house = await houseCopy({ packages: 'none' });
  await house.take('cmd/gofer.mjs');
  await house.write('old.cjs', oldNode('18.20.4'));
  const wanted = `${who} v18.20.4. See https://nodejs.org.`;
  expect(await house.node(['--require', './old.cjs', script])).toEqual({ code: 1, lines: [wanted] });
});

test.each(['20.18.3', '18.99.0'])('setup: Node %s is too old', async (version) => {
  await using house = await smallHouse();
  await house.write('old.cjs', oldNode(version));
  expect((await house.node(['--require', './old.cjs', '.house/setup.mjs', '--packages'])).code).toBe(1);
});

test.each(['20.19.0', '22.0.0', '24.1.0'])('setup: Node %s is new enough', async (version) => {
  await using house = await smallHouse();
  await house.write('new.cjs', oldNode(version));
  const ended = await house.node(['--require', './new.cjs', '.house/setup.mjs', '--packages'], { npm: NPM_CI });
  expect(ended).toEqual({ code: 0, lines: [INSTALLING] });
});

test('setup: the Node that it asks for is the one of package.json', async () => {
  const { engines } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
    readonly engines: { readonly node: string };
  };
  expect(engines.node).toBe('>=20.19');
});

test('setup: a bare clone gets its packages once', async () => {
  await using house = await smallHouse();
  expect(await install(house)).toEqual({ code: 0, lines: [INSTALLING] });
  expect(await readFile(path.join(house.path, 'npm-was-run'), 'utf8')).toMatch(/^ci --include=dev /);
  expect(await house.node(['.house/setup.mjs', '--packages'])).toEqual({ code: 0, lines: [] });
});

test('setup: packages of an install that was cut off are installed anew', async () => {
  await using house = await smallHouse();
  await house.write('node_modules/word/package.json', '{}');
  expect((await install(house)).lines).toEqual([INSTALLING]);
});

test('setup: an install that fails says what to do, and the next one starts over', async () => {
  await using house = await smallHouse();
  const failed = await house.node(['.house/setup.mjs', '--packages'], { npm: `${NPM_CI}; exit 1` });
  expect(failed).toEqual({ code: 1, lines: [INSTALLING, REFUSED] });
  expect((await install(house)).lines).toEqual([INSTALLING]);
});

test.each([
  { what: 'a package was removed by hand', break: (house: HouseCopy) => house.remove('node_modules/word') },
  {
    what: 'the lock file changed',
    break: (house: HouseCopy) => house.write('package-lock.json', JSON.stringify({ ...LOCK, version: '2.0.0' })),
  },
])('setup: once $what, packages are installed again', async (given) => {
  await using house = await smallHouse();
  await install(house);
  await given.break(house);
  expect((await install(house)).lines).toEqual([INSTALLING]);
});

test('setup: what somebody installed with npm is taken as it is', async () => {
  await using house = await smallHouse();
  await house.write('node_modules/word/package.json', '{}');
  await house.write('node_modules/.package-lock.json', JSON.stringify({ packages: LOCK.packages }));
  expect(await house.node(['.house/setup.mjs', '--packages'])).toEqual({ code: 0, lines: [] });
});

function install(house: HouseCopy): Promise<Ended> {
  return house.node(['.house/setup.mjs', '--packages'], { npm: NPM_CI });
}

async function smallHouse(): Promise<HouseCopy> {
  const house = await houseCopy({ packages: 'none' });
  await house.write('package.json', JSON.stringify(PACKAGE));
  await house.write('package-lock.json', JSON.stringify(LOCK));
  return house;
}

/** Loaded first, it makes this Node say that it is another one. */
function oldNode(version: string): string {
  return [
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`,
    `Object.defineProperty(process, 'version', { value: 'v${version}' });`,
  ].join('\n');
}
