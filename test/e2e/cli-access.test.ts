// Tokens and roles at the terminal, on a server that asks for tokens.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';
import { freePort, gofer, startServer } from './real-server.ts';
import type { CliResult } from './real-server.ts';
import type { RealServer } from './running-server.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: RealServer;
/** Of the administrator. */
let admin: string;

beforeAll(async () => {
  directory = await temporaryDirectory();
  server = await startServer({
    ...{ dataDir: path.join(directory.path, 'data'), port: await freePort(), engine: 'process' },
    environment: { GOFER_WEB_DEVELOPMENT__BYPASS_AUTH: 'false' },
  });
  const made = JSON.parse((await as('', 'token', 'bootstrap', '--json')).stdout) as { readonly secret: string };
  admin = made.secret;
});
afterAll(async () => {
  await server.stop();
  await directory[Symbol.asyncDispose]();
});

function as(token: string, ...args: readonly string[]): Promise<CliResult> {
  return gofer(server, args, { environment: { GOFER_TOKEN: token, NO_COLOR: '1' } });
}

async function plain(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await as(admin, ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

async function json<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await plain(...args, '--json')) as T;
}

interface Created {
  readonly secret: string;
  readonly token_details: { readonly id: string };
}

test('without a token, and with a wrong one: denied, with what to do', async () => {
  for (const token of ['', 'wrong']) {
    const refused = await as(token, 'namespace', 'list');
    expect(refused).toMatchObject({ status: 4, stdout: '' });
    expect(refused.stderr).toMatch(/GOFER_TOKEN.*\n.*gofer token bootstrap/);
  }
});

test('bootstrap: a second time is a conflict', async () => {
  expect(await as('', 'token', 'bootstrap')).toMatchObject({
    status: 5,
    stderr: expect.stringContaining('made once only') as string,
  });
});

test('a token: created with all that it can have, used, disabled, enabled, deleted', async () => {
  const text = await plain('token', 'create', 'ada', '-r', 'user', '-e', '3600', '-m', 'team=a');
  expect(text).toMatch(
    /^✓ Created token \[[0-9a-f-]{36}\] of ada\n✓ Secret: [A-Za-z0-9]{32}\n {2}It is shown this once/,
  );
  const [, id = ''] = /\[([0-9a-f-]+)\]/.exec(text) ?? [];
  const [, secret = ''] = /Secret: (\w+)/.exec(text) ?? [];
  const whoami = await as(secret, 'token', 'whoami');
  expect(whoami.stdout).toMatch(/User: +ada\n +Roles: +user\n +Active: +true/);
  expect(whoami.stdout).toContain('team=a');
  expect(await plain('token', 'list')).toMatch(new RegExp(`\\| ${id} \\| ada +\\| user +\\|.*\\| true +\\|`));
  expect(await plain('token', 'get', id)).not.toContain(secret);

  expect(await plain('token', 'disable', id)).toBe(`✓ Disabled token [${id}]\n`);
  expect(await as(secret, 'token', 'whoami')).toMatchObject({
    status: 4,
    stderr: expect.stringContaining('Token disabled') as string,
  });
  expect(await plain('token', 'get', id)).toMatch(/Active: +false/);
  expect(await plain('token', 'enable', id)).toBe(`✓ Enabled token [${id}]\n`);
  expect((await as(secret, 'token', 'whoami')).status).toBe(0);
  expect(await plain('token', 'delete', id)).toBe(`✓ Deleted token [${id}]\n`);
  expect((await as(admin, 'token', 'get', id)).status).toBe(3);
});

test('a role: made on the command line and from a file, shown, changed, deleted; its tokens may what it says', async () => {
  await plain('role', 'create', 'readers', 'Sees namespaces', '-p', 'namespaces:^default$,pipelines=read');
  const { secret } = await json<Created>('token', 'create', 'bob', '-r', 'readers');
  expect((await as(secret, 'namespace', 'get', 'default')).status).toBe(0);
  const refused = await as(secret, 'namespace', 'get', 'other');
  expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('read on namespaces') as string });
  expect(await plain('role', 'get', 'readers')).toMatch(/namespaces:\^default\$ +read\n +pipelines +read/);

  const file = path.join(directory.path, 'permissions.json');
  await writeFile(file, JSON.stringify([{ resources: ['all'], actions: ['write', 'read'] }]));
  expect(await plain('role', 'update', 'readers', '--permissions-file', file)).toBe('✓ Updated role [readers]\n');
  expect(await plain('role', 'get', 'readers')).toMatch(/all +read, write/);
  expect((await as(secret, 'namespace', 'get', 'other')).status).toBe(3);
  expect(await plain('role', 'list')).toMatch(/\| readers +\| Sees namespaces +\| false +\|/);
  expect(await plain('role', 'delete', 'readers')).toBe('✓ Deleted role [readers]\n');
  expect((await as(secret, 'namespace', 'get', 'default')).status).toBe(4);
});

test.each([
  { args: ['token', 'create', 'eve', '-r', 'bootstrap'], status: 4, text: 'role admin instead' },
  { args: ['token', 'create', 'eve', '--expiry', 'soon'], status: 2, text: '--expiry: expected a whole number' },
  { args: ['token', 'create', 'eve', '-m', 'nothing'], status: 2, text: '--metadata: expected KEY=VALUE' },
  { args: ['token', 'get', 'absent'], status: 3, text: 'Not found: token get absent' },
  { args: ['role', 'create', 'writers', 'x'], status: 2, text: 'Give --permission' },
  { args: ['role', 'create', 'writers', 'x', '-p', 'runs'], status: 2, text: 'expected resources=actions' },
  { args: ['role', 'create', 'writers', 'x', '-p', 'robots=read'], status: 2, text: 'expected one of all, namespaces' },
  { args: ['role', 'create', 'writers', 'x', '-p', 'namespaces:[=read'], status: 2, text: 'not a regular expression' },
  { args: ['role', 'update', 'user', '-d', 'mine'], status: 4, text: 'comes with Gofer' },
  { args: ['role', 'update', 'absent'], status: 2, text: 'Nothing to change' },
  { args: ['role', 'delete', 'admin'], status: 4, text: 'comes with Gofer' },
  { args: ['role', 'create', 'admin', 'x', '-p', 'all=read'], status: 5, text: 'exists already' },
])('$args: $text', async ({ args, status, text }) => {
  expect(await as(admin, ...args)).toMatchObject({ status, stderr: expect.stringContaining(text) as string });
});
