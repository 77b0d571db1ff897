// Nodes that speak to each other over real sockets on loopback, in this process or in one of their own.

import { afterEach } from 'vitest';
import { openPeers } from '../../../cluster/peers/open-peers.ts';
import type { OpenPeers, PeersOptions } from '../../../cluster/peers/options.ts';
import type { Heard, PeerTarget, Pulse } from '../../../cluster/peers/port.ts';
import { childScript } from '../../child-script.ts';
import type { ChildScript, RunningScript } from '../../child-script.ts';
import { aPulse, noStarts, noTasks } from './peers-parts.ts';

export interface LoggedLine {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface TestPeer extends OpenPeers {
  readonly target: PeerTarget;
  readonly lines: readonly LoggedLine[];
  /** Told to those who follow it. */
  pulse: Pulse;
}

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

export async function aPeer(name: string, given: Partial<PeersOptions> = {}): Promise<TestPeer> {
  const lines: LoggedLine[] = [];
  const log = (fields: object, message: string) => void lines.push({ fields: { ...fields }, message });
  const state = { pulse: aPulse(name) };
  const opened = await openPeers({
    ...{ bind: '127.0.0.1:0', advertise: '', tls: null, clusterId: 'cluster-1' },
    ...{ self: { nodeId: name, name }, serve: { identity: `engine of ${name}`, tasks: noTasks() } },
    source: () => state.pulse,
    startHere: noStarts,
    monotonicMs: () => performance.now(),
    log: { info: log, warn: log },
    ...given,
  });
  closers.push(() => opened.close());
  return Object.assign(state, { ...opened, lines, target: { name, nodeId: name, address: opened.address } });
}

export interface PeerProcess {
  readonly target: PeerTarget;
  readonly script: RunningScript;
}

/** A node in a process of its own, to be killed and frozen; it serves `test/unit/cluster/peer-process.ts`'s tasks. */
export async function aPeerProcess(script: ChildScript, name: string, ...more: string[]): Promise<PeerProcess> {
  const running = script.start(name, ...more);
  closers.push(async () => {
    running.process.kill('SIGCONT');
    await running.kill();
  });
  const lines = running.lines[Symbol.asyncIterator]();
  const first = await lines.next();
  return { target: { name, nodeId: name, address: String(first.value) }, script: running };
}

export const peerScript = () => childScript('unit/cluster/peer-process.ts');

/** What `peer` heard of the other; throws when it does not follow it. */
export function heardOf(peer: TestPeer, { nodeId }: { readonly nodeId: string }): Heard {
  const heard = peer.peers.heard().find(({ target }) => target.nodeId === nodeId);
  if (heard === undefined) throw new Error(`${nodeId} is not followed`);
  return heard;
}
