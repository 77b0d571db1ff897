// The two sockets of one connection through a link, and the two pumps between them.

import { Socket } from 'node:net';
import type { LinkRule } from './link-rules.ts';
import { breakOff, createPump } from './pump.ts';
import type { PumpCounters } from './pump.ts';

export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

export interface Connection {
  readonly source: string;
  /** Opens the far side when the rule lets it, and looks again at what is held. May be called again. */
  connect(): void;
  /** Resets both sides. */
  cut(): void;
}

export interface JoinOptions {
  readonly socket: Socket;
  readonly target: Target;
  readonly source: string;
  readonly rule: () => LinkRule;
  readonly counters: PumpCounters;
  readonly random: () => number;
  readonly onRequestBytes: ((chunk: Buffer) => void) | undefined;
  readonly onClosed: () => void;
  /** The far side has ended, or could not be reached. */
  readonly onFarEnded: () => void;
}

export function joinSockets(options: JoinOptions): Connection {
  const { socket, target, source, rule, counters, random } = options;
  const far = new Socket({ allowHalfOpen: true }).setNoDelay();
  const sockets = [socket, far];
  const cut = () => sockets.forEach(breakOff);
  const common = {
    ...{ rule, counters, random },
    cut: () => {
      counters.cuts += 1;
      cut();
    },
  };
  const pumps = [
    createPump({ ...common, from: socket, to: far, direction: 'requests', onChunk: options.onRequestBytes }),
    createPump({ ...common, from: far, to: socket, direction: 'answers' }),
  ];
  const kick = () => pumps.forEach((pump) => pump.kick());
  let open = 2;
  for (const each of sockets) {
    // What went wrong shows in the close that follows.
    each.on('error', () => undefined);
    each.on('close', () => {
      open -= 1;
      if (open === 0) options.onClosed();
    });
  }
  far.on('connect', kick);
  far.on('end', options.onFarEnded);
  far.on('error', options.onFarEnded);
  return {
    source,
    cut,
    connect: () => {
      // In a partition not even the handshake gets through.
      if (far.pending && !far.connecting && !far.destroyed && rule().kind !== 'black hole') far.connect(target);
      kick();
    },
  };
}
