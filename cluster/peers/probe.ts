// Asks whether a node is still there, on a fresh connection. Only what the peer's machine itself says counts as gone: refused, reset,
// or another node's answer. Everything else is silence, from which nobody may conclude alone.

import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { parsePeerAddress } from './address.ts';
import { refusedBy, statusOf } from './call-errors.ts';
import type { Dialer } from './dialer.ts';
import { peerMethods } from './peer-codec.ts';
import type { PeerTarget, ProbeResult } from './port.ts';

/** Between two tries at a port that accepts and breaks off, as that of a dying process does. */
const TRY_PAUSE_MS = 10;

/** Never throws. */
export async function probePeer(dialer: Dialer, target: PeerTarget, deadlineMs: number): Promise<ProbeResult> {
  const until = performance.now() + deadlineMs;
  for (let leftMs = deadlineMs; leftMs > 0; leftMs = until - performance.now()) {
    const answer = await ask(dialer, target, leftMs);
    if (answer !== 'broken') return answer;
    if (await isRefused(target, until - performance.now())) return 'gone';
    await pause(TRY_PAUSE_MS);
  }
  return 'silent';
}

async function ask(dialer: Dialer, target: PeerTarget, withinMs: number): Promise<ProbeResult | 'broken'> {
  const { path, requestSerialize, responseDeserialize } = peerMethods.probe;
  let timer: NodeJS.Timeout | undefined;
  try {
    const client = dialer.open(target.address);
    try {
      const nodeId = await new Promise<string>((resolve, reject) => {
        const call = client.makeUnaryRequest(
          ...([path, requestSerialize, responseDeserialize, {}, dialer.metadata()] as const),
          (error, answer) => (answer === undefined ? reject(error ?? new Error('no answer')) : resolve(answer.nodeId)),
        );
        // Not gRPC's deadline, which is a time of the wall clock: that may be set.
        timer = setTimeout(() => call.cancel(), withinMs);
      });
      return nodeId === target.nodeId ? 'alive' : 'gone';
    } finally {
      clearTimeout(timer);
      client.close();
    }
  } catch (error) {
    return meaningOf(error);
  }
}

function meaningOf(error: unknown): ProbeResult | 'broken' {
  // A node of another cluster, or a server that is none of ours, has taken the address.
  if (refusedBy(error) !== null || statusOf(error) === status.UNIMPLEMENTED) return 'gone';
  return statusOf(error) === status.UNAVAILABLE ? 'broken' : 'silent';
}

/** gRPC tells of a refused connection in words only. */
async function isRefused({ address }: PeerTarget, withinMs: number): Promise<boolean> {
  if (withinMs <= 0) return false;
  const { host, port } = parsePeerAddress(address, 'peer address');
  return new Promise<boolean>((resolve) => {
    const socket = connect({ host, port });
    const end = (refused: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(refused);
    };
    const timer = setTimeout(() => end(false), withinMs);
    socket.once('connect', () => end(false));
    socket.once('error', (error) => end('code' in error && error.code === 'ECONNREFUSED'));
  });
}
