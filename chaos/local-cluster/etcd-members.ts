// Three etcd members (or one) on loopback, with the flags of a production cluster but for the addresses.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { hostPort } from './links.ts';
import type { Address, Link, Route } from './links.ts';
import { createPiece } from './piece.ts';
import type { Piece } from './piece.ts';
import { GaveUpError, waitUntil } from './wait-until.ts';

export interface EtcdMember extends Piece {
  /** Where clients reach it, without any proxy. */
  readonly endpoint: string;
  readonly address: Address;
  readonly dataDirectory: string;
}

export interface EtcdOptions {
  readonly directory: string;
  readonly logs: string;
  readonly ports: readonly { readonly client: number; readonly peer: number }[];
  readonly route: Route;
  /** Room of the database. */
  readonly quotaBytes: number;
  readonly dataDirectory: (name: string) => string;
}

/** What etcd advises at most; more would hold up its heartbeats. */
const REQUEST_BYTES_MAX = 10_485_760;

/** Longer than an election on a machine that has much else to do. */
const READY_LIMIT_MS = 60_000;

export async function createEtcdMembers(options: EtcdOptions): Promise<readonly EtcdMember[]> {
  const planned = options.ports.map(({ client, peer }, index) => ({
    name: `etcd-${index + 1}`,
    client: { host: '127.0.0.1', port: client },
    peer: { host: '127.0.0.1', port: peer },
  }));
  const advertised = await Promise.all(
    planned.map(async ({ name, peer }) => {
      const link: Link = { kind: 'etcd-etcd', from: '*', to: name, address: peer };
      return `${name}=http://${hostPort(await options.route(link))}`;
    }),
  );
  return planned.map((plan, index) => {
    const dataDirectory = options.dataDirectory(plan.name);
    const own = (advertised[index] ?? '').slice(plan.name.length + 1);
    const command = () => [
      ...['etcd', '--name', plan.name, '--data-dir', dataDirectory, '--logger', 'zap', '--log-level', 'info'],
      ...['--listen-client-urls', `http://${hostPort(plan.client)}`],
      ...['--advertise-client-urls', `http://${hostPort(plan.client)}`],
      ...['--listen-peer-urls', `http://${hostPort(plan.peer)}`, '--initial-advertise-peer-urls', own],
      ...['--initial-cluster', advertised.join(','), '--initial-cluster-token', path.basename(options.directory)],
      ...['--initial-cluster-state', 'new', '--quota-backend-bytes', String(options.quotaBytes)],
      // A pipeline of 10,000 tasks is one record of several megabytes; etcd's own limit is 1.5.
      ...['--max-request-bytes', String(REQUEST_BYTES_MAX)],
      // Watches resume from at most some seconds ago; older revisions only take room.
      ...['--auto-compaction-mode', 'periodic', '--auto-compaction-retention', '5m'],
    ];
    mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
    const piece = createPiece({ name: plan.name, command, logFile: path.join(options.logs, `${plan.name}.log`) });
    return { ...piece, endpoint: `http://${hostPort(plan.client)}`, address: plan.client, dataDirectory };
  });
}

/** Resolves once the members have a leader of their own and take writes. */
export async function etcdReady(members: readonly EtcdMember[]): Promise<void> {
  await waitUntil(
    async () => {
      const down = members.find(({ running }) => !running());
      if (down !== undefined) throw new GaveUpError(`${down.name} ended:\n${down.lastLines()}`);
      const answers = await Promise.all(members.map(({ endpoint }) => fetch(`${endpoint}/health`)));
      const bodies = await Promise.all(answers.map((answer) => answer.text()));
      return bodies.every((body) => body.includes('"true"') || body.includes(':true')) ? true : null;
    },
    { limitMs: READY_LIMIT_MS, what: () => 'etcd does not become healthy' },
  );
}
