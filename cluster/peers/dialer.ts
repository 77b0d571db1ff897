// Connections to other nodes. Each is a fresh one with a fate of its own: gRPC would else share one socket, with its own back-off,
// between all callers, and a probe would learn nothing new.

import { checkServerIdentity } from 'node:tls';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import { AppError } from '../../store/model/errors.ts';
import { addressText, isLoopback, parsePeerAddress } from './address.ts';
import type { WatchedCertificates } from './certificates.ts';
import type { PeerTimings } from './timings.ts';
import { MESSAGE_BYTES_MAX } from './timings.ts';

export const METADATA = {
  cluster: 'gofer-cluster',
  nodeId: 'gofer-node',
  name: 'gofer-name',
  /** In the trailers of a failed call. */
  code: 'gofer-code',
} as const;

export interface Dialer {
  /** Whoever calls this closes the client. Throws 'invalid' for an address that must not be dialled. */
  open(address: string): Client;
  metadata(): Metadata;
}

interface DialerParts {
  /** Null = only loopback is dialled. */
  readonly certificates: WatchedCertificates | null;
  readonly clusterId: string;
  readonly self: { readonly nodeId: string; readonly name: string };
  readonly timings: PeerTimings;
}

/** Sent in place of an IP address, which TLS allows no one to send; who answers is checked against the address itself. */
const NAME_FOR_ADDRESSES = 'peer.gofer.internal';

const GRPC_BACK_OFF_MS = 100;

export function createDialer({ certificates, clusterId, self, timings }: DialerParts): Dialer {
  const options: ChannelOptions = {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    // Nodes of a cluster reach each other directly, whatever HTTPS_PROXY says.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    // A closed client that failed to connect tries once more: soon, so that it is forgotten soon.
    'grpc.initial_reconnect_backoff_ms': GRPC_BACK_OFF_MS,
    'grpc.max_reconnect_backoff_ms': GRPC_BACK_OFF_MS,
    'grpc.keepalive_time_ms': timings.keepAliveMs,
    'grpc.keepalive_timeout_ms': timings.keepAliveTimeoutMs,
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  };
  return {
    open(address) {
      const parsed = parsePeerAddress(address, 'peer address');
      if (certificates === null) {
        if (!isLoopback(parsed)) throw noPlainText(address);
        return new Client(addressText(parsed), credentials.createInsecure(), options);
      }
      return new Client(addressText(parsed), channelCredentials(certificates, parsed.host), {
        ...options,
        'grpc.ssl_target_name_override': NAME_FOR_ADDRESSES,
      });
    },
    metadata() {
      const metadata = new Metadata();
      metadata.set(METADATA.cluster, clusterId);
      metadata.set(METADATA.nodeId, self.nodeId);
      metadata.set(METADATA.name, encodeURIComponent(self.name));
      return metadata;
    },
  };
}

function channelCredentials(certificates: WatchedCertificates, host: string): ChannelCredentials {
  const { ca, cert, key } = certificates.current();
  return credentials.createSsl(ca, key, cert, {
    checkServerIdentity: (_name, presented) => checkServerIdentity(host, presented),
  });
}

function noPlainText(address: string): AppError {
  return new AppError(
    'invalid',
    `${address} is not a loopback address: node-to-node connections beyond it need cluster.tls_ca_path, ` +
      'cluster.tls_cert_path and cluster.tls_key_path.',
  );
}
