// The way into this folder: opens the node-to-node listener and hears the other nodes.

import type { OpenPeers, PeersOptions } from './options.ts';

/** Throws AppError('invalid' or 'conflict') that says what to do: no TLS beyond loopback, a wrong certificate, a taken port. */
export async function openPeers(_options: PeersOptions): Promise<OpenPeers> {
  throw new Error('not built yet');
}
