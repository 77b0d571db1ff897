// How streams end when the server does not play along.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { createClient } from '../../../sdk/client/client.ts';

/** RFC 6455, 1.3 and 5.2. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT_FRAME = 0x81;
const EVENT = '{"id":"1","kind":{}}';

/** Says one thing on each stream, and then nothing more, as a process that was frozen. */
async function aDeafServer() {
  const opened: Duplex[] = [];
  const server = createServer();
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${ACCEPT_GUID}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.write(Buffer.from([TEXT_FRAME, EVENT.length]));
    socket.write(EVENT);
    socket.on('error', () => undefined);
    socket.resume();
    opened.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, server, opened };
}

test('a stream that its reader leaves is over soon, also when the server does not confirm it', async () => {
  const { url, server, opened } = await aDeafServer();
  const reader = new AbortController();
  const stream = createClient({ baseUrl: url, token: '' }).streamEvents({ history: true, signal: reader.signal });
  const heard: string[] = [];
  let gone: Promise<void> = Promise.reject(new Error('nothing was opened'));
  gone.catch(() => undefined);
  for await (const { id } of stream) {
    heard.push(id);
    gone = new Promise((resolve) => opened[0]?.once('end', () => resolve()));
    reader.abort();
  }
  await gone;
  expect(heard).toEqual(['1']);
  expect(opened).toHaveLength(1);
  server.close();
}, 10_000);
