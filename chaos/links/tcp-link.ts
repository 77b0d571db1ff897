// A TCP proxy between two parts of a cluster, whose rule can be changed while connections are open. With several sources behind one
// port (`sourceOf`), each source can have a rule of its own.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { joinSockets } from './connection.ts';
import type { Connection, Target } from './connection.ts';
import { PASS } from './link-rules.ts';
import { createMirror } from './mirror.ts';
import type { LinkRule } from './link-rules.ts';
import type { PumpCounters } from './pump.ts';

export interface TcpLinkOptions {
  /** Where it leads: a port, or the path of a Unix socket. */
  readonly target: Target;
  /** 0 = any free one; it is kept while connections are refused. */
  readonly port?: number;
  readonly random?: () => number;
  /** Who is at the other end of a connection from this port; absent = there is one source, or it does not matter. */
  readonly sourceOf?: (remotePort: number) => string | null;
  /** Sees what is asked of the target. */
  readonly onRequestBytes?: (chunk: Buffer) => void;
}

export interface LinkCounters extends PumpCounters {
  accepted: number;
  /** Connections that were open when the rule came to refuse. */
  reset: number;
}

export interface TcpLink extends AsyncDisposable {
  readonly port: number;
  /** For all sources, or for one. */
  set(rule: LinkRule, source?: string): Promise<void>;
  /** Breaks all connections (of one source); says how many. The rule stays. */
  cut(source?: string): number;
  counters(): Readonly<LinkCounters>;
}

const ALL = '*';

export async function createTcpLink(options: TcpLinkOptions): Promise<TcpLink> {
  const { target, random = Math.random, sourceOf } = options;
  const counters: LinkCounters = { accepted: 0, reset: 0, bytes: 0, held: 0, stalls: 0, cuts: 0 };
  const rules = new Map<string, LinkRule>([[ALL, PASS]]);
  const connections = new Set<Connection>();
  const ruleOf = (source: string) => rules.get(source) ?? rules.get(ALL) ?? PASS;
  let onDrained: () => void = () => undefined;

  function accept(socket: Socket): void {
    const source = sourceOf?.(socket.remotePort ?? 0) ?? ALL;
    if (ruleOf(source).kind === 'refuse') {
      counters.reset += 1;
      socket.on('error', () => undefined).resetAndDestroy();
      return;
    }
    counters.accepted += 1;
    const connection = joinSockets({
      ...{ socket, target, source, counters, random, onRequestBytes: options.onRequestBytes },
      rule: () => ruleOf(source),
      onClosed: () => {
        connections.delete(connection);
        if (connections.size === 0) onDrained();
      },
      onFarEnded: () => mirror.look(),
    });
    connections.add(connection);
    connection.connect();
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
  const port = await listen(server, options.port ?? 0);
  const door = createDoor(server, port, () => {
    const all = rules.get(ALL)?.kind;
    // In a partition not even a refusal comes through.
    return all !== 'refuse' && (!mirror.isGone() || all === 'black hole');
  });
  const mirror = createMirror(target, () => door.settle());

  function cut(source?: string): number {
    const hit = [...connections].filter((connection) => source === undefined || connection.source === source);
    for (const connection of hit) connection.cut();
    return hit.length;
  }

  return {
    port,
    cut,
    counters: () => ({ ...counters }),
    async set(rule, source = ALL) {
      if (source === ALL) rules.clear();
      rules.set(source, rule);
      // With a rule for one source alone the port stays open to the others; then a connection is reset once it is known whose it is.
      await door.settle();
      if (rule.kind === 'refuse') counters.reset += cut(source === ALL ? undefined : source);
      for (const connection of connections) connection.connect();
    },
    async [Symbol.asyncDispose]() {
      mirror.stop();
      await door.close();
      const drained = new Promise<void>((resolve) => (onDrained = resolve));
      if (cut() > 0) await drained;
    },
  };
}

interface Door {
  /** The answer to whether it should be open may have changed. */
  settle(): Promise<void>;
  /** For good. */
  close(): Promise<void>;
}

/** Has the server listen while it should, and only then; one change after the other. */
function createDoor(server: Server, port: number, shouldBeOpen: () => boolean): Door {
  let isClosed = false;
  let settling: Promise<void> = Promise.resolve();
  const settle = () => {
    settling = settling.then(async () => {
      const isOpen = !isClosed && shouldBeOpen();
      if (!isOpen && server.listening) server.close();
      if (isOpen && !server.listening) await listen(server, port);
    });
    return settling;
  };
  return {
    settle,
    close: () => {
      isClosed = true;
      return settle();
    },
  };
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
