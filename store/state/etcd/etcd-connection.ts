// How a member of etcd is reached: what the configuration says, checked, and a client for one address. The client library's own choice
// of a member is random and knows no health, its retries repeat writes, its breaker shuts a member out for a slow answer, and its
// renewal of a token calls itself without end: all four are off here.

import { InterceptingCall, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import type { ChannelOptions, Interceptor, StatusObject } from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import { AppError } from '../../model/errors.ts';

export interface EtcdConnection {
  /** Such as http://127.0.0.1:2379; at least one. */
  readonly endpoints: readonly string[];
  /** PEM; absent = plain connections, or with https:// the authorities that the system trusts. */
  readonly tls?: EtcdTls;
  readonly user?: { readonly name: string; readonly password: string };
}

export interface EtcdTls {
  readonly ca: Buffer;
  /** Both or none: what we show of ourselves. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** One try at one member. A healthy one answers within milliseconds; a hung one must not hold a leader up. */
export const CALL_MS = 1_000;

/** A member that hangs is noticed by pings. More often than every 5 s, etcd takes them for an attack and hangs up. */
const CHANNEL: ChannelOptions = {
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

/** What etcd says of a token that is over, and what stands in its place so that the library does not see it. */
const TOKEN_OVER = 'etcdserver: invalid auth token';
export const STALE_TOKEN = 'the token of this connection is over';

/** Throws AppError('invalid') with a sentence for every address that cannot be meant. */
export function checkConnection({ endpoints, tls }: EtcdConnection): void {
  if (endpoints.length === 0) throw invalid('expected at least one endpoint, such as http://127.0.0.1:2379');
  const seen = new Set<string>();
  for (const endpoint of endpoints) {
    const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      throw invalid(
        `the endpoint '${endpoint}' is not an address such as http://127.0.0.1:2379 or https://etcd-1:2379`,
      );
    }
    if (url.pathname !== '/' || url.search !== '' || url.username !== '') {
      throw invalid(`the endpoint '${withoutSecret(url)}' has more than a scheme, a host and a port`);
    }
    if (url.port === '') throw invalid(`the endpoint '${endpoint}' has no port; etcd's is 2379`);
    if (seen.has(url.host)) throw invalid(`the endpoint '${endpoint}' is named twice`);
    seen.add(url.host);
    if (tls !== undefined && url.protocol === 'http:') {
      throw invalid(
        `the endpoint '${endpoint}' is not encrypted, although certificates are configured: write https://`,
      );
    }
  }
  if (new Set(endpoints.map((endpoint) => new URL(endpoint).protocol)).size > 1) {
    throw invalid('some endpoints are http:// and some https://; all have to be the same');
  }
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) {
    throw invalid('a certificate and its key belong together; one of the two is missing');
  }
}

/** A client for one member. `token` is asked for each call; null = none. */
export function createClient(endpoint: string, { tls }: EtcdConnection, token: () => string | null): Etcd3 {
  // What it would write to stderr of each broken connection is told by us, in our own words, where it matters.
  setLogVerbosity(logVerbosity.NONE);
  return new Etcd3({
    hosts: endpoint,
    grpcOptions: { ...CHANNEL, interceptors: [tokenInterceptor(token)] },
    faultHandling: { global: noop, host: () => noop },
    defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: Date.now() + CALL_MS }),
    ...(tls === undefined ? {} : { credentials: credentialsOf(tls) }),
  });
}

function credentialsOf({ ca, cert, key }: EtcdTls) {
  return cert === undefined || key === undefined
    ? { rootCertificate: ca }
    : { rootCertificate: ca, certChain: cert, privateKey: key };
}

function tokenInterceptor(token: () => string | null): Interceptor {
  const onReceiveStatus = (status: StatusObject, next: (status: StatusObject) => void) =>
    next(status.details.includes(TOKEN_OVER) ? { ...status, details: STALE_TOKEN } : status);
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        const current = token();
        if (current !== null) metadata.set('token', current);
        next(metadata, { onReceiveStatus });
      },
    });
}

function withoutSecret(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function invalid(what: string): AppError {
  return new AppError('invalid', `etcd: ${what}.`);
}
