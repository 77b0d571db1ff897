// The way into this folder: opens the node-to-node listener and hears the other nodes.

import { createAwakeClock } from './awake-clock.ts';
import { watchCertificates } from './certificates.ts';
import { createDialer } from './dialer.ts';
import type { Dialer } from './dialer.ts';
import { hearPeer } from './hear-peer.ts';
import type { HeardPeer, HearingParts } from './hear-peer.ts';
import { openListener } from './listener.ts';
import type { OpenPeers, PeersOptions } from './options.ts';
import type { Peers, PeerTarget } from './port.ts';
import { probePeer } from './probe.ts';
import { createRemoteStarts } from './remote-starts.ts';
import type { LeaderStarts } from './run-starts.ts';
import { createRemoteStreams } from './remote-streams.ts';
import { PEER_TIMINGS } from './timings.ts';

/** Throws AppError('invalid' or 'conflict') that says what to do: no TLS beyond loopback, a wrong certificate, a taken port. */
export async function openPeers(options: PeersOptions): Promise<OpenPeers> {
  const { self, clusterId, tls: files, log } = options;
  const timings = { ...PEER_TIMINGS, ...options.timings };
  const certificates = files === null ? null : watchCertificates({ files, everyMs: timings.certificatesMs, log });
  try {
    const listener = await openListener({ options, certificates, timings });
    const dialer = createDialer({ certificates, clusterId, self, timings });
    const clock = createAwakeClock({ monotonicMs: options.monotonicMs, tickMs: timings.pulseMs });
    const opened: LeaderStarts[] = [];
    const { peers, close } = createPeers({ dialer, clock, timings, log }, self.nodeId);
    return {
      address: listener.address,
      peers,
      taskStreams: (remote) =>
        createRemoteStreams({ ...remote, own: options.serve, nodeId: self.nodeId, dialer, timings }),
      leaderStarts: (leader) => {
        const starts = createRemoteStarts({ leader, dialer, timings, log });
        opened.push(starts);
        return starts;
      },
      async close() {
        close();
        for (const starts of opened) starts.close();
        clock.stop();
        certificates?.close();
        await listener.close();
      },
    };
  } catch (error) {
    certificates?.close();
    throw error;
  }
}

type PeersParts = Omit<HearingParts, 'onNews'> & { readonly dialer: Dialer };

function createPeers(parts: PeersParts, ownId: string): { readonly peers: Peers; readonly close: () => void } {
  const heard = new Map<string, HeardPeer>();
  const listeners: (() => void)[] = [];
  const onNews = () => listeners.forEach((listener) => listener());

  function follow(targets: readonly PeerTarget[]): void {
    const wanted = new Map(targets.filter(mayBeHeard).map((target) => [keyOf(target), target]));
    for (const [key, peer] of heard) {
      if (wanted.has(key)) continue;
      peer.close();
      heard.delete(key);
    }
    for (const [key, target] of wanted) if (!heard.has(key)) heard.set(key, hearPeer({ ...parts, onNews }, target));
  }

  /** A node without a listener can only be judged by its records. */
  function mayBeHeard({ nodeId, address }: PeerTarget): boolean {
    return nodeId !== ownId && address !== '';
  }

  const close = () => follow([]);
  return {
    peers: {
      follow,
      heard: () => [...heard.values()].map((peer) => peer.heard()),
      onNews: (listener) => void listeners.push(listener),
      probe: (target, deadlineMs) => probePeer(parts.dialer, target, deadlineMs),
      close: async () => close(),
    },
    close,
  };
}

/** A restarted node is another one, also at the same address. */
function keyOf({ nodeId, address }: PeerTarget): string {
  return `${nodeId} ${address}`;
}
