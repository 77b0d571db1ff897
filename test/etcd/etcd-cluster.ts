// A real etcd cluster on loopback for tests, from Debian's etcd-server: members can be killed, paused and started again.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
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
  /** kill -9. */
  kill(): Promise<void>;
  /** Frozen, with its connections open. */
  pause(): void;
  resume(): void;
  /** After `kill`, with its data. */
  start(): Promise<void>;
}

interface Ports {
  readonly name: string;
  readonly client: number;
  readonly peer: number;
}

/** Resolves once a write is acknowledged. */
export async function startEtcd(size: 1 | 3 = 3): Promise<EtcdCluster> {
  const directory = await temporaryDirectory();
  const ports: Ports[] = [];
  for (let n = 0; n < size; n += 1) ports.push({ name: `m${n}`, client: await freePort(), peer: await freePort() });
  const initial = ports.map(({ name, peer }) => `${name}=http://127.0.0.1:${peer}`).join(',');
  const members = ports.map((each) => createMember(each, { initial, dataDir: join(directory.path, each.name) }));
  const endpoints = members.map(({ endpoint }) => endpoint);
  await Promise.all(members.map((member) => member.start()));
  const store = createEtcdStore({ endpoints, prefix: 'ready/' });
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

function createMember(
  { name, client, peer }: Ports,
  { initial, dataDir }: { readonly initial: string; readonly dataDir: string },
): EtcdMember {
  const endpoint = `http://127.0.0.1:${client}`;
  const args = [
    ...['--name', name, '--data-dir', dataDir, '--log-level', 'error', '--logger', 'zap'],
    ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
    ...['--listen-peer-urls', `http://127.0.0.1:${peer}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`],
    ...['--initial-cluster', initial, '--initial-cluster-state', 'new'],
  ];
  let child: ChildProcess | null = null;
  return {
    endpoint,
    async start() {
      child = spawn('etcd', args, { stdio: 'ignore' });
      await once(child, 'spawn');
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
