// The files of cmd/deploy that are not started by deploy.test.ts as well: each is taken by the program that it is for, and they agree.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SETTINGS, environmentName } from '../../cmd/server/config-keys.ts';
import { loadConfig } from '../../cmd/server/config.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { TemporaryDirectory } from '../temporary-directory.ts';
import { DEPLOY, environmentOf, makeCertificates } from './deploy-world.ts';

const read = (file: string) => readFileSync(path.join(DEPLOY, file), 'utf8');

function run(command: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

describe('certificates.sh', () => {
  let directory: TemporaryDirectory;
  const at = (name: string) => path.join(directory.path, name);
  const make = () =>
    makeCertificates({
      directory: directory.path,
      names: (machine) => `m${machine}.x,10.9.9.${machine}`,
      balancer: 'gofer.x',
    });
  beforeAll(async () => {
    directory = await temporaryDirectory();
    make();
  });
  afterAll(() => directory[Symbol.asyncDispose]());

  test.each([
    ['etcd', 'node1/etcd'],
    ['etcd', 'node2/etcd-client'],
    ['cluster', 'node3/cluster'],
    ['api', 'node1/api'],
    ['api', 'balancer/api-client'],
    ['api', 'balancer/public'],
  ])('certificates: the authority %s has signed %s, and no other one has', (authority, file) => {
    for (const each of ['etcd', 'cluster', 'api']) {
      const { status } = run('openssl', ['verify', '-CAfile', at(`authorities/${each}.pem`), at(`${file}.pem`)]);
      expect([each, status === 0]).toEqual([each, each === authority]);
    }
  });

  test('certificates: each names its machine, and what it may be used for', () => {
    const { text } = run('openssl', ['x509', '-in', at('node2/etcd.pem'), '-noout', '-text']);
    expect(text).toContain('DNS:node2, DNS:m2.x, IP Address:10.9.9.2');
    expect(text).toContain('TLS Web Server Authentication, TLS Web Client Authentication');
    expect(run('openssl', ['x509', '-in', at('node2/etcd-client.pem'), '-noout', '-text']).text).not.toContain(
      'Server Auth',
    );
  });

  test('certificates: nobody else may read a key; a second call changes nothing, and renews what was deleted', () => {
    const keys = readdirSync(directory.path, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.includes('key'),
    );
    expect(keys.map((name) => (statSync(at(name)).mode & 0o077) === 0)).toEqual(keys.map(() => true));
    const before = ['node1/etcd.pem', 'node1/api.pem', 'authorities/etcd.pem'].map((name) =>
      readFileSync(at(name), 'utf8'),
    );
    run('rm', [at('node1/api.pem')]);
    make();
    const after = ['node1/etcd.pem', 'node1/api.pem', 'authorities/etcd.pem'].map((name) =>
      readFileSync(at(name), 'utf8'),
    );
    expect(after.map((text, index) => text === before[index])).toEqual([true, false, true]);
    expect(run('openssl', ['verify', '-CAfile', at('authorities/api.pem'), at('node1/api.pem')]).status).toBe(0);
  });
});

describe('files', () => {
  test('gofer.toml: every setting is one, and has a value that is taken', () => {
    const { config, unknown } = loadConfig({ file: path.join(DEPLOY, 'systemd/gofer.toml'), environment: {} });
    expect(unknown).toEqual([]);
    expect(config['state_store.engine']).toBe('etcd');
  });

  test('gofer.service: a stop has time to drain and to end requests', () => {
    const { config } = loadConfig({ file: path.join(DEPLOY, 'systemd/gofer.toml'), environment: {} });
    const [, limit] = /^TimeoutStopSec=(\d+)$/m.exec(read('systemd/gofer.service')) ?? [];
    expect(Number(limit)).toBeGreaterThan(config['server.drain_seconds'] + config['server.shutdown_timeout'] + 10);
  });

  test.each(['gofer.service', 'gofer-etcd.service'])('%s: is taken by systemd, and starts what is there', (name) => {
    const text = read(`systemd/${name}`);
    const [, command = ''] = /^ExecStart=(.+)$/m.exec(text) ?? [];
    expect(command).toMatch(
      /^\/usr\/bin\/(etcd$|node \/opt\/gofer\/cmd\/gofer\.mjs service start --config \/etc\/gofer\/gofer\.toml$)/,
    );
    for (const section of ['Unit', 'Service', 'Install']) expect(text).toContain(`[${section}]\n`);
    // Where systemd is not installed there is nobody else to ask.
    if (!existsSync('/usr/bin/systemd-analyze')) return;
    const program = command.split(' ')[0] ?? '';
    const file = path.join(scratch.path, name);
    writeFileSync(file, text.replace(program, process.execPath));
    expect(run('systemd-analyze', ['verify', file]).text).toBe('');
  });

  test('docker-compose.yml: settings are settings, folders and volumes are named, members of etcd are told the same as on machines', () => {
    const compose = parseYaml(read('compose/docker-compose.yml'));
    expect(Object.keys(compose.services)).toEqual(['etcd1', 'etcd2', 'etcd3', 'node1', 'node2', 'node3', 'haproxy']);
    const known = new Set(Object.keys(SETTINGS).map(environmentName));
    const ofEtcd = new Set(Object.keys(environmentOf(read('systemd/etcd.env'))));
    for (const { environment = {}, volumes = [], networks = [] } of Object.values(compose.services)) {
      expect(Object.keys(environment).filter((name) => !known.has(name) && !ofEtcd.has(name))).toEqual([]);
      const named = volumes.map((volume) => volume.split(':')[0] ?? '').filter((place) => !/^[./]/.test(place));
      expect(named.filter((volume) => !(volume in compose.volumes))).toEqual([]);
      expect(networks.filter((network) => !(network in compose.networks))).toEqual([]);
    }
    const { config } = loadConfig({
      file: path.join(DEPLOY, 'systemd/gofer.toml'),
      environment: compose.services['node2']?.environment ?? {},
    });
    expect(config['cluster.name']).toBe('node2');
  });

  test('compose/haproxy.cfg: differs from haproxy.cfg in where things are, not in how requests are treated', () => {
    const rules = (text: string) => /^backend nodes\n([^]*?)\n\S/m.exec(text)?.[1]?.split('\n') ?? [];
    const treated = (text: string) =>
      rules(text).filter((line) => !/^ +(#|server |default-server resolvers)/.test(line) && line !== '');
    expect(treated(read('compose/haproxy.cfg'))).toEqual(treated(read('haproxy.cfg')));
    expect(treated(read('haproxy.cfg')).length).toBeGreaterThan(8);
  });

  let scratch: TemporaryDirectory;
  beforeAll(async () => (scratch = await temporaryDirectory()));
  afterAll(() => scratch[Symbol.asyncDispose]());

  test('compose/haproxy.cfg: is taken by HAProxy', () => {
    makeCertificates({ directory: scratch.path, names: () => '127.0.0.1', balancer: 'localhost' });
    const file = path.join(scratch.path, 'haproxy.cfg');
    writeFileSync(file, read('compose/haproxy.cfg').replaceAll('/etc/gofer/tls', path.join(scratch.path, 'balancer')));
    expect(run('/usr/sbin/haproxy', ['-c', '-f', file])).toMatchObject({ status: 0 });
  });
});

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      { readonly environment?: Record<string, string>; readonly volumes?: string[]; readonly networks?: string[] }
    >
  >;
  readonly volumes: object;
  readonly networks: object;
}

/** By the parser that the OpenAPI plug-in brings along: a package of our own for one test would be one too many. */
function parseYaml(text: string): Compose {
  const require = createRequire(createRequire(import.meta.url).resolve('@fastify/swagger'));
  const { parse } = require('yaml') as { readonly parse: (source: string, options: object) => Compose };
  return parse(text, { merge: true });
}
