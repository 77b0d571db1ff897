// Faults of etcd's own members: its leader killed or frozen, a majority gone for a while, a disk that is full.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { EtcdMember } from '../local-cluster/etcd-members.ts';
import type { Session } from '../session/session.ts';
import { NOTHING_MISSING } from './fault.ts';
import type { Fault, OngoingFault } from './fault.ts';
import { freezePieces, killPieces } from './kills.ts';
import { parseStatus } from './parse-etcd-status.ts';

const PAUSE_MS = 4_000;
const DOWN_MS = 1_500;
/** etcd writes several times a second; a disk that is full is noticed at once. */
const FULL_MS = 2_500;
const SLOW_MS = 4_000;
const SLOW_FLUSH_MS = 150;
/** A key that no node looks at. */
const PROBE_WRITE = JSON.stringify({ key: Buffer.from('chaos-probe').toString('base64'), value: '' });
const ASK_LIMIT_MS = 1_000;
const STRACE = '/usr/bin/strace';
/** strace needs a moment to take hold of all threads. */
const ATTACH_LIMIT_MS = 5_000;

/** The member that leads the others; throws when none says so. */
export async function etcdLeader({ cluster }: Pick<Session, 'cluster'>): Promise<EtcdMember> {
  for (const member of cluster.etcd.filter((each) => each.running())) {
    const status = await statusOf(member).catch(() => null);
    if (status !== null && status.memberId === status.leaderId) return member;
  }
  throw new Error('no etcd member says that it leads');
}

async function statusOf({ endpoint }: EtcdMember) {
  const answer = await fetch(`${endpoint}/v3/maintenance/status`, {
    method: 'POST',
    body: '{}',
    signal: AbortSignal.timeout(ASK_LIMIT_MS),
  });
  return parseStatus(await answer.text());
}

/** What is written to its log and database fails as on a full disk, until it is healed; etcd ends itself when it sees that. */
async function fillDisk(member: EtcdMember): Promise<OngoingFault> {
  const at = performance.now();
  const tracer = spawn(STRACE, straceArguments(member), { stdio: 'ignore' });
  await once(tracer, 'spawn');
  const exit = member.ended();
  let ended: string | null = null;
  exit.then(
    ({ code, signal }) => (ended = `ended itself with ${code ?? signal}`),
    () => undefined,
  );
  return {
    target: member.name,
    at,
    proof: async () => ended,
    heal: async () => {
      await endTracer(tracer);
      await member.kill();
      await member.start();
    },
  };
}

/** Every flush of its log takes long, as on a disk that others use up. */
async function slowDisk(member: EtcdMember): Promise<OngoingFault> {
  const at = performance.now();
  const tracer = spawn(
    STRACE,
    [
      ...['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync', '-p', String(member.pid())],
      ...['-e', `inject=fdatasync:delay_exit=${SLOW_FLUSH_MS * 1_000}`],
    ],
    { stdio: 'ignore' },
  );
  await once(tracer, 'spawn');
  return {
    target: member.name,
    at,
    proof: async () => {
      const sent = performance.now();
      // A write of its own goes through the disk of every member of the majority.
      await fetch(`${member.endpoint}/v3/kv/put`, { method: 'POST', body: PROBE_WRITE });
      const tookMs = performance.now() - sent;
      return tookMs >= SLOW_FLUSH_MS ? `a write took ${Math.round(tookMs)} ms` : null;
    },
    heal: () => endTracer(tracer),
  };
}

function straceArguments({ dataDirectory, pid }: EtcdMember): readonly string[] {
  const folders = [path.join(dataDirectory, 'member', 'wal'), path.join(dataDirectory, 'member', 'snap')];
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)));
  return [
    ...['-f', '-qq', '-o', '/dev/null', '-e', 'trace=write,pwrite64,fallocate'],
    ...['-e', 'inject=write,pwrite64,fallocate:error=ENOSPC', '-p', String(pid())],
    ...files.flatMap((file) => ['-P', file]),
  ];
}

async function endTracer(tracer: ChildProcess): Promise<void> {
  if (tracer.exitCode !== null || tracer.signalCode !== null) return;
  const gone = once(tracer, 'exit');
  tracer.kill('SIGTERM');
  await Promise.race([gone, pause(ATTACH_LIMIT_MS)]);
}

const needsStrace = () => (existsSync(STRACE) ? null : 'needs strace: apt-get install strace');

const facts = { groups: ['etcd'], reign: 'either', missing: NOTHING_MISSING } as const;

export const ETCD_FAULTS: readonly Fault[] = [
  {
    ...{ ...facts, name: 'etcd-kill-leader', what: "kill -9 of etcd's own leader", holdMs: DOWN_MS },
    begin: async (session) => killPieces([await etcdLeader(session)]),
  },
  {
    ...{ ...facts, name: 'etcd-pause-leader', what: "SIGSTOP of etcd's own leader", holdMs: PAUSE_MS },
    begin: async (session) => freezePieces([await etcdLeader(session)]),
  },
  {
    ...{ ...facts, name: 'etcd-kill-majority', what: 'kill -9 of two of three etcd members', holdMs: DOWN_MS },
    begin: async ({ cluster, chance }) => {
      const left = chance.pick([0, 1, 2]);
      return killPieces(cluster.etcd.filter((_member, index) => index !== left));
    },
    missing: ({ cluster }) => (cluster.etcd.length >= 3 ? null : 'needs three etcd members'),
  },
  {
    ...{
      ...facts,
      name: 'etcd-disk-full',
      what: "writes of etcd's own leader fail with ENOSPC (strace)",
      holdMs: FULL_MS,
    },
    begin: async (session) => fillDisk(await etcdLeader(session)),
    missing: needsStrace,
  },
  {
    ...{ ...facts, name: 'etcd-slow-disk', holdMs: SLOW_MS, missing: needsStrace },
    what: `every flush of etcd's own leader takes ${SLOW_FLUSH_MS} ms longer (strace)`,
    begin: async (session) => slowDisk(await etcdLeader(session)),
  },
];
