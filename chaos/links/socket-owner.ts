// Which of our processes opened a connection to us: Linux says it in /proc. A proxy that several nodes share needs it, to cut one of
// them off and not the others.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export interface Owner {
  readonly name: string;
  readonly pid: number | null;
}

/** Fields of a line of /proc/net/tcp: the local address, and the inode of the socket. */
const LOCAL_FIELD = 1;
const INODE_FIELD = 9;

/** Name of the owner of the loopback socket that has this local port; null when it is none of them. */
export function ownerOfPort(port: number, owners: readonly Owner[]): string | null {
  const inode = inodeOf(port);
  if (inode === null) return null;
  return owners.find(({ pid }) => pid !== null && holds(pid, `socket:[${inode}]`))?.name ?? null;
}

function inodeOf(port: number): string | null {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[LOCAL_FIELD]?.endsWith(ending)) return fields[INODE_FIELD] ?? null;
  }
  return null;
}

function holds(pid: number, socket: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => linkOf(pid, descriptor) === socket);
  } catch {
    return false;
  }
}

function linkOf(pid: number, descriptor: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return '';
  }
}
