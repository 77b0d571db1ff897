// A real etcd cluster on loopback for tests, from Debian's etcd-server: members can be killed, paused and started again.

import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EtcdTls } from '../../store/state/etcd/etcd-connection.ts';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { freePort } from '../e2e/real-server.ts';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

export interface EtcdCluster extends AsyncDisposable {
  readonly endpoints: readonly string[];
  readonly members: readonly EtcdMember[];
}

export interface EtcdMember {
  readonly endpoint: string;
  readonly pid: number;
  /** kill -9. */
  kill(): Promise<void>;
  /** Frozen, with its connections open. */
  pause(): void;
  resume(): void;
  /** After `kill`, with its data. */
  start(): Promise<void>;
  /** After `kill`: starts with the data of a snapshot, as an operator would do it. */
  restore(snapshot: string): Promise<void>;
}

export interface EtcdOptions {
  /** Of etcd itself, such as `--quota-backend-bytes`. */
  readonly args?: readonly string[];
  /** Clients have to show a certificate of the same authority. */
  readonly tls?: EtcdCertificates;
  /** Of the first member, in place of a free port: somebody else's address. */
  readonly endpoint?: string;
}

/** Files in PEM, and what a client is given of them. */
export interface EtcdCertificates {
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
  readonly client: EtcdTls;
}

/** As an operator has it in a shell. */
export async function etcdctl(endpoints: readonly string[], ...args: string[]): Promise<string> {
  const env = { ...process.env, ETCDCTL_API: '3' };
  const { stdout } = await run('etcdctl', ['--endpoints', endpoints.join(','), ...args], { env });
  return stdout;
}

const run = promisify(execFile);

interface Ports {
  readonly name: string;
  readonly client: number;
  readonly peer: number;
}

/** Resolves once a write is acknowledged. */
export async function startEtcd(size: 1 | 3 = 3, options: EtcdOptions = {}): Promise<EtcdCluster> {
  const directory = await temporaryDirectory();
  const ports: Ports[] = [];
  for (let n = 0; n < size; n += 1) ports.push({ name: `m${n}`, client: await freePort(), peer: await freePort() });
  const [first] = ports;
  if (options.endpoint !== undefined && first !== undefined)
    ports[0] = { ...first, client: Number(new URL(options.endpoint).port) };
  const initial = ports.map(({ name, peer }) => `${name}=http://127.0.0.1:${peer}`).join(',');
  const members = ports.map((each) =>
    createMember(each, { initial, dataDir: join(directory.path, each.name), ...options }),
  );
  const endpoints = members.map(({ endpoint }) => endpoint);
  await Promise.all(members.map((member) => member.start()));
  const tls = options.tls === undefined ? {} : { tls: options.tls.client };
  const store = createEtcdStore({ endpoints, prefix: 'ready/', ...tls });
  await eventually(() => store.commit({ compares: [], writes: [{ op: 'put', key: 'ready', value: '' }] }), 30_000);
  await store.close();
  return {
    endpoints,
    members,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(members.map((member) => member.kill()));
      await rm(directory.path, { recursive: true, force: true });
    },
  };
}

interface MemberOptions extends EtcdOptions {
  readonly initial: string;
  readonly dataDir: string;
}

function createMember({ name, client, peer }: Ports, { initial, dataDir, args, tls }: MemberOptions): EtcdMember {
  const endpoint = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const encryption =
    tls === undefined
      ? []
      : [
          ...['--cert-file', tls.certPath, '--key-file', tls.keyPath],
          ...['--trusted-ca-file', tls.caPath, '--client-cert-auth'],
        ];
  const all = [
    ...['--name', name, '--data-dir', dataDir, '--log-level', 'error', '--logger', 'zap'],
    ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', initial, '--initial-cluster-state', 'new', ...encryption, ...(args ?? [])],
  ];
  let child: ChildProcess | null = null;
  const start = async () => {
    child = spawn('etcd', all, { stdio: 'ignore' });
    await once(child, 'spawn');
  };
  return {
    endpoint,
    get pid() {
      return child?.pid ?? 0;
    },
    start,
    async restore(snapshot) {
      await rm(dataDir, { recursive: true, force: true });
      const place = ['--data-dir', dataDir, '--name', name];
      const cluster = ['--initial-cluster', initial, '--initial-advertise-peer-urls', peerUrl];
      await etcdctl([endpoint], 'snapshot', 'restore', snapshot, ...place, ...cluster);
      await start();
    },
    async kill() {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await gone;
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
  };
}
