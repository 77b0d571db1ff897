// Ports that stay free while a piece is down: outside of the range from which the kernel takes ports for outgoing connections, since a
// killed node must find its own again. Two clusters that start at the same time must not find the same ones: each port is claimed by
// listening on it at another address of the loopback, for as long as this process lives.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { randomInt } from 'node:crypto';

/** Linux takes outgoing ports from 32768 on, others from 49152 on. */
const RANGE = { lowest: 12_000, highest: 32_000 };
const LOOPBACK = '127.0.0.1';
/** Linux has the whole of 127.0.0.0/8; elsewhere there is no claim. */
const CLAIMS = '127.0.0.2';
/** So many are never taken at once on a machine where anything could be started. */
const TRIES_MAX = 1_000;

/** Throws when the machine has no free ports. */
export async function freePorts(count: number, { lowest, highest } = RANGE): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let tries = 0; tries < TRIES_MAX && found.size < count; tries += 1) {
    const port = randomInt(lowest, highest);
    if (!found.has(port) && (await isFree(port)) && (await claim(port))) found.add(port);
  }
  if (found.size < count) throw new Error(`no ${count} free ports between ${lowest} and ${highest}`);
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  if ((await listen(server, port, LOOPBACK)) !== null) return false;
  server.close();
  await once(server, 'close');
  return true;
}

async function claim(port: number): Promise<boolean> {
  const server = createServer();
  const fault = await listen(server, port, CLAIMS);
  server.unref();
  return fault === null || fault === 'EADDRNOTAVAIL';
}

/** Null = it listens; else why not. */
async function listen(server: Server, port: number, host: string): Promise<string | null> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  }
}
