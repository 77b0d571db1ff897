// The server as a program: what is in the way of a start is said in one line; TLS; the demonstration.

import { once } from 'node:events';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';
import { ROOT, api, freePort, gofer, startServer } from './real-server.ts';
import type { CliResult } from './real-server.ts';

const CERTIFICATE = path.join(ROOT, 'test/e2e/certificate');
const NOWHERE = { url: 'http://127.0.0.1:1' };

/** Starts a server that cannot start. */
async function refused(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const port = await freePort();
  const all = ['service', 'start', '--bind', `127.0.0.1:${port}`, '--engine', 'process', ...args];
  return gofer(NOWHERE, all, { environment });
}

function expectOneLine({ status, stderr }: CliResult, text: string): void {
  expect({ status, lines: stderr.trim().split('\n').length }).toEqual({ status: 1, lines: 1 });
  expect(stderr).toContain(text);
}

test('a port in use: says which, and how to choose another', async () => {
  await using directory = await temporaryDirectory();
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const args = ['--data-dir', path.join(directory.path, 'data'), '--bind', `127.0.0.1:${port}`];
  expectOneLine(await refused(args), `Port ${port} on 127.0.0.1 is in use`);
  taken.close();
});

test.each([
  ['a file', async (folder: string) => path.join(folder, 'file')],
  ['below a file', async (folder: string) => path.join(folder, 'file', 'data')],
  ['where nothing can be made', async () => '/proc/gofer-data'],
])('a data directory that is %s: says so, and how to choose another', async (_what, place) => {
  await using directory = await temporaryDirectory();
  await writeFile(path.join(directory.path, 'file'), '');
  const dataDir = await place(directory.path);
  const result = await refused(['--data-dir', dataDir]);
  expectOneLine(result, `The data directory ${dataDir} cannot be used`);
  expect(result.stderr).toContain('GOFER_WEB_SERVER__DATA_DIR');
});

test('a data directory that another server uses is refused, and the other one goes on', async () => {
  await using directory = await temporaryDirectory();
  const dataDir = path.join(directory.path, 'data');
  const server = await startServer({ dataDir, port: await freePort(), engine: 'process' });
  try {
    const result = await refused(['--data-dir', dataDir]);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('in use');
    expect(await api(server, 'GET', '/api/namespaces')).toMatchObject({ status: 200 });
  } finally {
    await server.stop();
  }
});

test('a damaged state store is refused with its place, and left as it is', async () => {
  await using directory = await temporaryDirectory();
  const dataDir = path.join(directory.path, 'data');
  const first = await startServer({ dataDir, port: await freePort(), engine: 'process' });
  await first.stop();
  const state = path.join(dataDir, 'state');
  const names = await readdir(state);
  const file = path.join(state, names.find((name) => name.endsWith('.mdb') && !name.includes('lock')) ?? '');
  const damage = Buffer.alloc(64 * 1_024, 0xa5);
  await writeFile(file, damage);
  const result = await refused(['--data-dir', dataDir]);
  expect(result.status).toBe(1);
  expect(result.stderr).toContain(state);
  expect(result.stderr).not.toMatch(/^ +at /m);
  expect(damage.equals(await readFile(file))).toBe(true);
});

test('TLS without a certificate, and with a wrong one', async () => {
  await using directory = await temporaryDirectory();
  const args = ['--data-dir', path.join(directory.path, 'data')];
  const tls = { GOFER_WEB_SERVER__USE_TLS: 'true' };
  expectOneLine(await refused(args, tls), 'server.tls_cert_path');
  const swapped = {
    ...tls,
    GOFER_WEB_SERVER__TLS_CERT_PATH: path.join(CERTIFICATE, 'key.pem'),
    GOFER_WEB_SERVER__TLS_KEY_PATH: path.join(CERTIFICATE, 'cert.pem'),
  };
  expectOneLine(await refused(args, swapped), 'server.tls_cert_path');
});

test('TLS: the API is served over HTTPS, and the CLI speaks it', async () => {
  await using directory = await temporaryDirectory();
  const server = await startServer({
    dataDir: path.join(directory.path, 'data'),
    port: await freePort(),
    engine: 'process',
    certificate: path.join(CERTIFICATE, 'cert.pem'),
    environment: {
      GOFER_WEB_SERVER__USE_TLS: 'true',
      GOFER_WEB_SERVER__TLS_CERT_PATH: path.join(CERTIFICATE, 'cert.pem'),
      GOFER_WEB_SERVER__TLS_KEY_PATH: path.join(CERTIFICATE, 'key.pem'),
    },
  });
  try {
    expect(server.url).toMatch(/^https:/);
    const environment = { NODE_EXTRA_CA_CERTS: path.join(CERTIFICATE, 'cert.pem') };
    const listed = await gofer(server, ['namespace', 'list', '--json'], { environment });
    expect(JSON.parse(listed.stdout)).toMatchObject({ namespaces: [{ id: 'default' }] });
  } finally {
    await server.stop();
  }
});

test('the demonstration: runs the example, shows every task at work, and says by its exit status how it went', async () => {
  await using directory = await temporaryDirectory();
  const args = [
    'demo',
    '--once',
    '--bind',
    `127.0.0.1:${await freePort()}`,
    '--data-dir',
    path.join(directory.path, 'data'),
  ];
  for (const run of [1, 2]) {
    const { status, stdout } = await gofer(NOWHERE, args);
    expect(status).toBe(0);
    for (const task of ['count-orders', 'check-stock', 'write-report', 'mail-report'])
      expect(stdout).toContain(`${task} `);
    expect(stdout).toMatch(/mail-report +\| Orders: 1204/);
    expect(run).toBeGreaterThan(0);
  }
});

test('the demonstration: help, and options that do not exist', async () => {
  expect(await gofer(NOWHERE, ['demo', '--help'])).toMatchObject({ status: 0 });
  expect(await gofer(NOWHERE, ['demo', '--nonsense'])).toMatchObject({ status: 2 });
  expect(await gofer(NOWHERE, ['service', 'start', '--nonsense'])).toMatchObject({ status: 2 });
});
