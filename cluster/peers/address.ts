// host:port of a node-to-node listener.

import { isIPv6 } from 'node:net';
import { AppError } from '../../store/model/errors.ts';

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65_535;

/** Throws 'invalid' that names the setting. */
export function parsePeerAddress(text: string, setting: string): PeerAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? Number.NaN);
  if (host !== '' && port <= PORT_MAX) return { host, port };
  throw new AppError(
    'invalid',
    `${setting}: found ${JSON.stringify(text)}, expected host:port, such as 10.0.0.1:8090.`,
  );
}

export function addressText({ host, port }: PeerAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback({ host }: PeerAddress): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

/** Listens on all addresses of the machine, so that it is none that others can dial. */
export function isWildcard({ host }: PeerAddress): boolean {
  return host === '0.0.0.0' || host === '::';
}
