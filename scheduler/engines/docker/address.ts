// Where a Docker daemon is, and what may be said about it. Pure.

import { AppError } from '../../../store/model/errors.ts';

/** PEM texts, as DOCKER_CERT_PATH holds them in ca.pem, cert.pem and key.pem. */
export interface DockerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export type DockerAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: DockerTls | null };

export const DEFAULT_DOCKER_HOST = 'unix:///var/run/docker.sock';

const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

/** Reads an address in the form of DOCKER_HOST; throws 'invalid' when it is none. */
export function parseDockerHost(text: string, tls: DockerTls | null = null): DockerAddress {
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length);
    if (path.startsWith('/')) return { kind: 'socket', path };
  }
  const match = /^(?:tcp|https?):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?\/?$/.exec(text);
  const [, host, port] = match ?? [];
  if (host !== undefined) {
    const number = port === undefined ? (tls === null ? PLAIN_PORT : TLS_PORT) : Number(port);
    if (number >= 1 && number <= 65_535) return { kind: 'tcp', host, port: number, tls };
  }
  throw new AppError(
    'invalid',
    `Docker host ${JSON.stringify(text)} is not valid; expected unix:///path/of.sock or tcp://host:port.`,
  );
}

/** For the operator, and for undici, which wants an origin even for a socket. */
export function addressText(address: DockerAddress): string {
  return address.kind === 'socket' ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`;
}

export function addressOrigin(address: DockerAddress): string {
  if (address.kind === 'socket') return 'http://docker';
  return `${address.tls === null ? 'http' : 'https'}://${address.host}:${address.port}`;
}

/** A socket and a loopback port belong to one machine: other nodes would not reach the same containers. */
export function addressScope(address: DockerAddress): 'local' | 'shared' {
  if (address.kind === 'socket') return 'local';
  const host = address.host.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || host.startsWith('127.') ? 'local' : 'shared';
}
