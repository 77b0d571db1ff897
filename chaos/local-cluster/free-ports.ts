// Ports that stay free while a piece is down: outside of the range from which the kernel takes ports for outgoing connections, since a
// killed node must find its own again.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

/** Linux takes outgoing ports from 32768 on, others from 49152 on. */
const LOWEST = 12_000;
const HIGHEST = 32_000;
/** So many are never taken at once on a machine where anything could be started. */
const TRIES_MAX = 1_000;

/** Throws when the machine has no free ports. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let tries = 0; tries < TRIES_MAX && found.size < count; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count) throw new Error(`no ${count} free ports between ${LOWEST} and ${HIGHEST}`);
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
