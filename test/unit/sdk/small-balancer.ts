// A balancer in front of two servers, as small as can be: each connection goes to the next server that accepts it.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface Balancer extends AsyncDisposable {
  readonly url: string;
  /** As the death of a node: its connections break, and it gets no new ones. */
  drop(port: number): void;
  restore(port: number): void;
}

export async function aBalancer(...ports: readonly number[]): Promise<Balancer> {
  const open = new Map<Socket, number>();
  const dropped = new Set<number>();
  let turn = 0;

  function join(near: Socket, triesLeft: number): void {
    const port = ports[turn++ % ports.length] ?? 0;
    if (triesLeft === 0) return void near.destroy();
    if (dropped.has(port)) return join(near, triesLeft - 1);
    const far = connect(port, '127.0.0.1');
    far.once('error', () => (far.connecting || far.pending ? join(near, triesLeft - 1) : near.destroy()));
    far.once('connect', () => {
      for (const [from, to] of [[near, far] as const, [far, near] as const]) {
        open.set(from, port);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          open.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }

  const server = createServer((near) => {
    near.on('error', () => undefined);
    join(near, ports.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    drop(port) {
      dropped.add(port);
      for (const [socket, to] of open) if (to === port) socket.resetAndDestroy();
    },
    restore: (port) => void dropped.delete(port),
    async [Symbol.asyncDispose]() {
      for (const socket of open.keys()) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
