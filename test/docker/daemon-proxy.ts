// Stands between a client and the Docker daemon, for tests of a daemon that goes away: the daemon itself serves other tests too.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { DockerAddress } from '../../scheduler/engines/docker/address.ts';

export interface DaemonProxy extends AsyncDisposable {
  readonly address: DockerAddress;
  /** Nobody listens, and every connection is broken. */
  cut(): Promise<void>;
  /** Listens again, at the same place. */
  mend(): Promise<void>;
  /** Connections are taken and stay; nothing is passed on, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** The daemon gets the next request whose head holds this text; its answer is lost, and with it the daemon. */
  cutAnswerTo(text: string): Promise<void>;
}

export async function openProxy(daemon: DockerAddress): Promise<DaemonProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let trap: { readonly text: string; readonly sprung: () => void } | null = null;
  let isFrozen = false;
  const server = createServer((client) => {
    const upstream =
      daemon.kind === 'socket' ? connect(daemon.path) : connect({ host: daemon.host, port: daemon.port });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    if (isFrozen) for (const side of pair) side.pause();
    let caught: (() => void) | null = null;
    client.on('data', (bytes: Buffer) => {
      if (trap !== null && bytes.includes(trap.text)) {
        caught = trap.sprung;
        trap = null;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes: Buffer) => {
      if (caught === null) client.write(bytes);
      else cut().then(caught, () => undefined);
    });
    for (const [side, other] of [pair, [upstream, client] as const]) {
      side.on('error', () => other.destroy());
      side.on('end', () => other.end());
      side.on('close', () => pairs.delete(pair));
    }
  });
  await listen(server, 0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  const { port } = address;

  async function cut(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const side of [...pairs].flat()) side.destroy();
    await closed;
  }

  return {
    address: { kind: 'tcp', host: '127.0.0.1', port, tls: null },
    cut,
    mend: () => listen(server, port),
    freeze() {
      isFrozen = true;
      for (const side of [...pairs].flat()) side.pause();
    },
    thaw() {
      isFrozen = false;
      for (const side of [...pairs].flat()) side.resume();
    },
    cutAnswerTo: (text) => new Promise((sprung) => (trap = { text, sprung })),
    [Symbol.asyncDispose]: cut,
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}
