// The server side: tells this node's state to those who follow it, answers probes, and serves the streams of its engine.

import { experimental, Server, ServerCredentials, ServerInterceptingCall } from '@grpc/grpc-js';
import type { Metadata, ServerInterceptor, ServerWritableStream } from '@grpc/grpc-js';
import { AppError, errorText } from '../../store/model/errors.ts';
import { addressText, isLoopback, isWildcard, parsePeerAddress } from './address.ts';
import { refusalOf } from './call-errors.ts';
import type { WatchedCertificates } from './certificates.ts';
import { METADATA } from './dialer.ts';
import type { PeersLog, PeersOptions } from './options.ts';
import { peerMethods } from './peer-codec.ts';
import type { Pulse } from './port.ts';
import { serveStarts } from './serve-starts.ts';
import { serveExec, serveLogs } from './serve-streams.ts';
import { CALLS_MAX, MESSAGE_BYTES_MAX } from './timings.ts';
import type { PeerTimings } from './timings.ts';

export interface Listener {
  /** What others dial. */
  readonly address: string;
  close(): Promise<void>;
}

interface ListenerParts {
  readonly options: PeersOptions;
  readonly certificates: WatchedCertificates | null;
  readonly timings: PeerTimings;
}

/** Throws AppError('invalid' or 'conflict') that names the setting. */
export async function openListener({ options, certificates, timings }: ListenerParts): Promise<Listener> {
  const bind = parsePeerAddress(options.bind, 'cluster.bind_address');
  if (certificates === null && !isLoopback(bind)) {
    throw new AppError(
      'invalid',
      `cluster.bind_address: ${options.bind} is not a loopback address, which needs cluster.tls_ca_path, ` +
        'cluster.tls_cert_path and cluster.tls_key_path.',
    );
  }
  if (options.advertise === '' && isWildcard(bind)) {
    throw new AppError(
      'invalid',
      `cluster.advertise_address: needed, since no other node can dial ${options.bind} of cluster.bind_address.`,
    );
  }
  // Channelz stays on: without its list of connections, gRPC's forceShutdown does not find those that it should end.
  const server = new Server({
    'grpc.max_concurrent_streams': CALLS_MAX,
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.keepalive_time_ms': timings.keepAliveMs,
    'grpc.keepalive_timeout_ms': timings.keepAliveTimeoutMs,
    'grpc.max_connection_idle_ms': IDLE_MS,
    interceptors: [onlyOwnCluster(options)],
  });
  addMethods(server, options, timings);
  const port = await listen(server, addressText(bind), certificates);
  const advertised = parsePeerAddress(options.advertise || options.bind, 'cluster.advertise_address');
  return {
    address: addressText({ ...advertised, port: advertised.port === 0 ? port : advertised.port }),
    async close() {
      server.forceShutdown();
    },
  };
}

/** Nobody keeps a connection without a call; gRPC's client leaves one now and then when it is closed while it fails to connect. */
const IDLE_MS = 10_000;

function addMethods(
  server: Server,
  { source, self, serve, startHere, log }: PeersOptions,
  { pulseMs }: PeerTimings,
): void {
  const { follow, probe, startRuns, logs, exec } = peerMethods;
  server.addService(
    { follow, probe, startRuns, logs, exec },
    {
      follow: (call: ServerWritableStream<object, Pulse>) => tellPulses(call, source, pulseMs),
      probe: (_call: unknown, answer: (error: null, value: { readonly nodeId: string }) => void) =>
        answer(null, { nodeId: self.nodeId }),
      startRuns: serveStarts({ startHere, log }),
      logs: serveLogs({ own: serve, log }),
      exec: serveExec({ own: serve, log }),
    },
  );
}

/** Until the follower is gone. One that does not read gets the newest state once it does, not those of the past. */
function tellPulses(call: ServerWritableStream<object, Pulse>, source: () => Pulse, pulseMs: number): void {
  const tell = () => {
    if (call.writableLength === 0) call.write(source());
  };
  const timer = setInterval(tell, pulseMs);
  call.once('cancelled', () => clearInterval(timer));
  call.once('close', () => clearInterval(timer));
  tell();
}

/** So many refused callers are remembered, so that each is told in the log once. */
const TOLD_MAX = 1_000;

/** Runs before anything of a call is read. */
function onlyOwnCluster({ clusterId, log }: { readonly clusterId: string; readonly log: PeersLog }): ServerInterceptor {
  const told = new Set<string>();
  const refused = (metadata: Metadata, from: string) => {
    const [theirs] = metadata.get(METADATA.cluster);
    if (theirs === clusterId) return false;
    const caller = String(metadata.get(METADATA.name)[0] ?? '');
    const key = `${from} ${caller} ${String(theirs)}`;
    if (told.size < TOLD_MAX && !told.has(key)) {
      told.add(key);
      log.warn(
        { from, caller, theirCluster: theirs ?? null, ourCluster: clusterId },
        'peers: refused a node of another cluster: two clusters have one node-to-node address in their records',
      );
    }
    return true;
  };
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, proceed) {
            if (refused(metadata, hostOf(call.getPeer()))) {
              call.sendStatus(refusalOf(new AppError('denied', 'This node belongs to another cluster.')));
            } else proceed(metadata);
          },
        });
      },
    });
}

/** Each connection has another port. */
function hostOf(peer: string): string {
  return peer.replace(/:[0-9]+$/, '');
}

async function listen(server: Server, address: string, certificates: WatchedCertificates | null): Promise<number> {
  const credentials =
    certificates === null
      ? ServerCredentials.createInsecure()
      : experimental.createCertificateProviderServerCredentials(certificates.provider, certificates.provider, true);
  try {
    return await new Promise<number>((resolve, reject) =>
      server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error))),
    );
  } catch (error) {
    server.forceShutdown();
    const text = errorText(error);
    if (text.includes('EADDRINUSE')) {
      throw new AppError('conflict', `cluster.bind_address: ${address} is in use: stop what listens there.`);
    }
    throw new AppError('invalid', `cluster.bind_address: cannot listen on ${address}: ${text}`, { cause: error });
  }
}
