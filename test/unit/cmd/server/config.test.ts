import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SETTINGS, environmentName } from '../../../../cmd/server/config-keys.ts';
import { loadConfig, parseBindAddress } from '../../../../cmd/server/config.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';

async function withFile<T>(text: string, use: (file: string) => T): Promise<T> {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'gofer.toml');
  await writeFile(file, text);
  return use(file);
}

test('config: without anything every setting has its default', () => {
  const { config, unknown } = loadConfig({ environment: {} });
  for (const [key, { default: value }] of Object.entries(SETTINGS)) expect(config).toHaveProperty([key], value);
  expect(unknown).toEqual([]);
});

test('config: the environment beats the file, and the command line beats both', async () => {
  const config = await withFile(
    '[api]\nlog_level = "debug"\n[server]\nbind_address = "127.0.0.1:1"\ndata_dir = "/a"\n',
    (file) =>
      loadConfig({
        file,
        environment: { GOFER_WEB_SERVER__BIND_ADDRESS: '127.0.0.1:2', GOFER_WEB_SERVER__DATA_DIR: '/b' },
        overrides: { 'server.data_dir': '/c' },
      }),
  );
  expect(config.config).toMatchObject({
    'api.log_level': 'debug',
    'server.bind_address': '127.0.0.1:2',
    'server.data_dir': '/c',
  });
});

test('config: keys that nothing reads are named, and do no harm', async () => {
  const { unknown } = await withFile('[api]\nadmin_key = "x"\n', (file) =>
    loadConfig({ file, environment: { GOFER_WEB_API__NO_SUCH: '1', GOFER_API_BASE_URL: 'http://x' } }),
  );
  expect(unknown).toEqual(['api.admin_key', 'GOFER_WEB_API__NO_SUCH']);
});

test.each([
  ['[api]\nlog_level = "loud"', 'api.log_level (file): found "loud", expected one of trace'],
  [
    '[api]\nglobal_run_concurrency_limit = 0',
    'api.global_run_concurrency_limit (file): found 0, expected a whole number from 1',
  ],
  ['[server]\nuse_tls = "yes"', 'server.use_tls (file): found "yes", expected true or false'],
  ['[scheduler]\nengine = "nomad9"', 'scheduler.engine (file): found "nomad9", expected one of auto, docker, process'],
  ['api = [', 'is not TOML'],
])('config: %j is refused with its key, what was found and what was expected', async (text, expected) => {
  await expect(withFile(text, (file) => loadConfig({ file, environment: {} }))).rejects.toThrow(expected);
});

test('config: a file that was named and is not there is an error', () => {
  expect(() => loadConfig({ file: '/no/such/file.toml', environment: {} })).toThrow(
    '/no/such/file.toml cannot be read',
  );
});

test('config: every problem is told at once', () => {
  const environment = { GOFER_WEB_API__LOG_LEVEL: 'x', GOFER_WEB_SERVER__USE_TLS: 'x' };
  expect(() => loadConfig({ environment })).toThrow(/api\.log_level[\s\S]*server\.use_tls/);
});

test('config: the names in the environment are those of the original', () => {
  expect(environmentName('scheduler.docker.prune')).toBe('GOFER_WEB_SCHEDULER__DOCKER__PRUNE');
});

test.each([
  ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080, loopback: true }],
  ['[::1]:0', { host: '::1', port: 0, loopback: true }],
  ['0.0.0.0:80', { host: '0.0.0.0', port: 80, loopback: false }],
])('bind address: %s', (text, expected) => {
  expect(parseBindAddress(text)).toEqual(expected);
});

test.each(['localhost:8080', '8080', '127.0.0.1', '127.0.0.1:99999', '::1:80', ''])(
  'bind address: %j is refused',
  (text) => {
    expect(() => parseBindAddress(text)).toThrow('expected ip:port');
  },
);
