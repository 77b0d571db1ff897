// Every example and the README's first pipeline, run as their texts say: by the real executable, in the order of their commands.

import { readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXIT } from '../../cmd/cli/exit-codes.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { TemporaryDirectory } from '../temporary-directory.ts';
import { ROOT, api, freePort, gofer, startServer } from './real-server.ts';
import type { CliResult } from './real-server.ts';
import type { RealServer } from './running-server.ts';

const EXAMPLES = path.join(ROOT, 'sdk/examples');

/** How the table in the examples' README says that a run of each ends. */
const PROMISED = new Map(
  [...readFileSync(path.join(EXAMPLES, 'README.md'), 'utf8').matchAll(/^\| `([a-z-]+)` +\|[^|]+\| (\w+)/gm)].map(
    ([, name = '', status = '']) => [name, status],
  ),
);

/** What must be there before the first run. */
const SECRETS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  secrets: [
    ['secret', 'pipeline', 'put', 'secrets', 'api-password', 'hunter2'],
    ['secret', 'global', 'put', 'mail-server', 'smtp.example.com'],
  ],
  'nightly-report': [['secret', 'pipeline', 'put', 'nightly-report', 'mail-password', 'correct horse']],
};

/** A line that only a run which did its work prints. */
const LINES: Readonly<Record<string, string>> = {
  hello: 'hello',
  parallel: 'all parts are there',
  dependencies: 'cleaning up',
  variables: 'Hello, world! This is run 1 of default/variables.',
  secrets: 'the password has 7 letters, mail goes through smtp.example.com',
  objects: 'bytes: 22',
  retries: 'attempt 3',
  timeout: 'slow was stopped',
  script: 'no newline at the end',
  resources: 'enough for me',
  javascript: 'two',
  'nightly-report': 'Orders: 1204',
};

let directory: TemporaryDirectory;
let server: RealServer;
beforeAll(async () => {
  directory = await temporaryDirectory();
  server = await startServer({ dataDir: path.join(directory.path, 'data'), port: await freePort(), engine: 'process' });
});
afterAll(async () => {
  await server.stop();
  await directory[Symbol.asyncDispose]();
});

function expectOk({ status, stderr }: CliResult): void {
  expect(status, stderr).toBe(EXIT.ok);
}

const names = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test('the table of the examples names all of them', () => {
  expect([...PROMISED.keys()].sort()).toEqual(names.sort());
  expect(Object.keys(LINES).sort()).toEqual(names.sort());
});

test.each(names)('example %s: registered, run, and ended as promised', async (name) => {
  expectOk(await gofer(server, ['up', path.join(EXAMPLES, name)]));
  for (const command of SECRETS[name] ?? []) expectOk(await gofer(server, command));
  const { status, stdout, stderr } = await gofer(server, ['run', 'start', name, '--follow']);
  expect(status, stderr).toBe(PROMISED.get(name) === 'successful' ? EXIT.ok : EXIT.runFailed);
  expect(stdout).toContain(LINES[name]);
  const { body } = await api(server, 'GET', `/api/namespaces/default/pipelines/${name}/runs/1`);
  expect(body).toMatchObject({ run: { state: 'complete', status: PROMISED.get(name) } });
});

test("the README's first pipeline works word by word", async () => {
  await using folder = await temporaryDirectory();
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [, program = ''] = /Put this in `pipeline.ts`:\s+```ts\n([^`]+)```/.exec(readme) ?? [];
  const [, commands = ''] = /Register it, run it, look at it:\s+```sh\n([^`]+)```/.exec(readme) ?? [];
  await writeFile(path.join(folder.path, 'package.json'), '{ "name": "mine", "version": "1.0.0", "type": "module" }');
  await writeFile(path.join(folder.path, 'pipeline.ts'), program);
  const lines = commands.trim().split('\n');
  expect(lines.length).toBeGreaterThan(3);
  let printed = '';
  for (const line of lines) {
    const [name, ...args] = line.trim().split(/ +/);
    expect(name).toBe('gofer');
    const result = await gofer(server, args, { cwd: folder.path });
    expectOk(result);
    printed += result.stdout;
  }
  expect(printed).toMatch(/build +\| building\ntest +\| testing\n/);
});
