// cmd/deploy as it stands: certificates are made by its script, three members of etcd, three nodes and HAProxy are started from its files,
// with mutual TLS on every way between two of them.

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../../sdk/client/cluster-types.ts';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { TemporaryDirectory } from '../temporary-directory.ts';
import { aDeployWorld } from './deploy-world.ts';
import type { DeployWorld } from './deploy-world.ts';
import { gofer } from './real-server.ts';

/** The file of the certificate without its ending. */
interface Call {
  readonly port: number;
  readonly machine: 1 | 2 | 3;
  readonly ca: 'etcd' | 'cluster' | 'api';
  readonly as?: string;
  readonly path?: string;
}

/** All of 127.0.0.0/8 is this machine on Linux only. */
describe.skipIf(process.platform !== 'linux')('three machines', () => {
  let directory: TemporaryDirectory;
  let world: DeployWorld;
  const environment = () => ({ NODE_EXTRA_CA_CERTS: world.tls('authorities', 'api.pem'), GOFER_NAMESPACE: 'default' });
  const cli = (...args: readonly string[]) => gofer({ url: world.balancerUrl }, args, { environment: environment() });

  const cluster = async () => {
    const { status, stdout, stderr } = await cli('cluster', 'status', '--json');
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as Cluster;
  };

  /** A machine whose node runs. */
  const alive = () => Number(world.nodes.find((node) => node.running())?.name.at(-1)) as Call['machine'];

  /** What is answered to one request over TLS. */
  async function answerOf({ port, machine, ca, as, path: route = '/readyz' }: Call): Promise<string> {
    const file = (name: string) => readFileSync(world.tls(`${name}.pem`), 'utf8');
    const own = as === undefined ? {} : { cert: file(as), key: file(`${as}-key`) };
    const socket = connect({ host: world.host(machine), port, ca: file(`authorities/${ca}`), ...own });
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write(`GET ${route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    await once(socket, 'end');
    if (text === '') throw new Error('closed without an answer');
    return text;
  }

  beforeAll(async () => {
    directory = await temporaryDirectory();
    world = aDeployWorld(directory.path);
    await Promise.all(world.etcd.map((member) => member.start()));
    await Promise.all(world.nodes.map((node) => node.start()));
    await world.balancer.start();
    await eventually(async () => {
      const fallen = [...world.etcd, ...world.nodes, world.balancer].find((piece) => !piece.running());
      if (fallen !== undefined) throw new Error(`${fallen.name}:\n${fallen.lastLines()}`);
      expect((await cluster()).members).toHaveLength(3);
      expect((await cluster()).leader).not.toBeNull();
    }, 90_000);
  }, 120_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test(
    'a pipeline runs through HAProxy, its log comes back, and goes on when the leader is killed',
    { timeout: 90_000 },
    async () => {
      const file = path.join(directory.path, 'pipeline.json');
      const only = {
        id: 'only',
        image: 'busybox',
        command: ['/bin/sh', '-c', 'echo by way of TLS'],
        depends_on: {},
        variables: {},
      };
      const tasks = [{ ...only, inject_api_token: false, always_pull_newest_image: false }];
      writeFileSync(file, JSON.stringify({ id: 'behind-tls', name: 'Behind TLS', parallelism: 0, tasks }));
      expect(await cli('up', file)).toMatchObject({ status: 0 });
      expect(await cli('run', 'start', 'behind-tls', '--follow')).toMatchObject({
        status: 0,
        stdout: 'only | by way of TLS\n',
      });
      const leaderName = (await cluster()).leader?.name;
      const leader = world.nodes.find(({ name }) => name === leaderName);
      expect(leader).toBeDefined();
      await leader?.kill();
      expect(await cli('run', 'start', 'behind-tls', '--follow')).toMatchObject({
        status: 0,
        stdout: 'only | by way of TLS\n',
      });
    },
  );

  test('HAProxy gets through to a node, and a client of etcd to etcd', async () => {
    expect(await answerOf({ port: 8080, machine: alive(), ca: 'api', as: 'balancer/api-client' })).toContain(
      'HTTP/1.1 200',
    );
    const health = await answerOf({ port: 2379, machine: 1, ca: 'etcd', as: 'node1/etcd-client', path: '/health' });
    expect(health).toContain('"health":"true"');
  });

  test.each<readonly [string, Omit<Call, 'machine'>]>([
    ['a node, without a certificate', { port: 8080, ca: 'api' }],
    ['a node, with one of another authority', { port: 8080, ca: 'api', as: 'node2/cluster' }],
    ['the nodes among themselves, with one of HAProxy', { port: 8090, ca: 'cluster', as: 'balancer/api-client' }],
    ['etcd, without a certificate', { port: 2379, ca: 'etcd' }],
    ['etcd, with one of a node', { port: 2379, ca: 'etcd', as: 'node1/cluster' }],
    ['the members of etcd, without a certificate', { port: 2380, ca: 'etcd' }],
  ])('nobody gets through to %s', async (_what, call) => {
    await expect(answerOf({ ...call, machine: alive() })).rejects.toThrow(/alert|ECONNRESET|closed without/);
  });
});
