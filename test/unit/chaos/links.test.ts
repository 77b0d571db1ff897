// The TCP links of the chaos suite: what each rule does to a connection, and that it can be proven.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ownerOfPort } from '../../../chaos/links/socket-owner.ts';
import { createTcpLink } from '../../../chaos/links/tcp-link.ts';
import type { TcpLink } from '../../../chaos/links/tcp-link.ts';
import { eventually } from '../../eventually.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

let echo: Server;
let link: TcpLink;

beforeEach(async () => {
  // Says every byte back, and its own end when the client ends.
  echo = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  link = await createTcpLink({ target: { host: '127.0.0.1', port: portOf(echo) } });
});

afterEach(async () => {
  await link[Symbol.asyncDispose]();
  echo.close();
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Client {
  readonly socket: Socket;
  readonly heard: () => string;
}

async function client(port = link.port): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return { socket, heard: () => heard };
}

/** Why nobody could be reached on this port; null = somebody was. */
function refusal(port: number): Promise<string | null> {
  const socket = connect(port, '127.0.0.1');
  return new Promise<string | null>((resolve) => {
    socket.once('connect', () => resolve(null));
    socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
  }).finally(() => socket.destroy());
}

describe('link', () => {
  test('a process that is gone refuses connections through the link too, until there is one again', async () => {
    const { socket } = await client();
    const port = portOf(echo);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    echo.close();
    link.cut();
    await ended;
    // The first one may still get in, and finds out.
    await eventually(() => expect(refusal(link.port)).resolves.toBe('ECONNREFUSED'));
    echo.listen(port, '127.0.0.1');
    await eventually(async () => {
      const { socket: again, heard } = await client();
      again.end('here');
      await once(again, 'end');
      expect(heard()).toBe('here');
    });
  });

  test('pass: bytes go both ways, and so does the end of the stream', async () => {
    const { socket, heard } = await client();
    socket.end('one two');
    await once(socket, 'end');
    expect(heard()).toBe('one two');
  });

  test('a megabyte arrives whole and in order, also through a slow link', async () => {
    await link.set({ kind: 'slow', delayMs: 5, jitterMs: 10, bytesPerSecond: 50_000_000 });
    const { socket, heard } = await client();
    const text = Array.from({ length: 100_000 }, (_, index) => `${index}`.padStart(9, '0')).join('\n');
    socket.end(text);
    await once(socket, 'end');
    expect(heard()).toBe(text);
  });

  test('refuse: open connections are reset, new ones refused, and after healing the same port answers', async () => {
    const before = await client();
    await link.set({ kind: 'refuse' });
    await eventually(() => expect(before.socket.destroyed).toBe(true));
    const [error] = (await once(connect(link.port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    await link.set({ kind: 'pass' });
    const after = await client();
    after.socket.write('here');
    await eventually(() => expect(after.heard()).toBe('here'));
    expect(link.counters().reset).toBe(1);
  });

  test.each(['both', 'requests', 'answers'] as const)(
    'black hole (%s): nothing comes back until it is healed, and then all of it',
    async (holds) => {
      const { socket, heard } = await client();
      socket.write('a');
      await eventually(() => expect(heard()).toBe('a'));
      await link.set({ kind: 'black hole', holds });
      socket.write('b');
      await eventually(() => expect(link.counters().held).toBe(1));
      expect(heard()).toBe('a');
      await link.set({ kind: 'pass' });
      await eventually(() => expect(heard()).toBe('ab'));
    },
  );

  test('black hole: a connection made while it lasts is joined when it ends', async () => {
    await link.set({ kind: 'black hole', holds: 'both' });
    const { socket, heard } = await client();
    socket.write('late');
    await eventually(() => expect(link.counters().held).toBe(4));
    await link.set({ kind: 'pass' });
    await eventually(() => expect(heard()).toBe('late'));
  });

  test('slow: an answer takes at least the delay of both ways', async () => {
    await link.set({ kind: 'slow', delayMs: 40, jitterMs: 0, bytesPerSecond: null });
    const { socket, heard } = await client();
    const sent = performance.now();
    socket.write('slow');
    await eventually(() => expect(heard()).toBe('slow'));
    expect(performance.now() - sent).toBeGreaterThanOrEqual(79);
  });

  test('lossy: chunks stall, connections break, and both are counted', async () => {
    await link.set({ kind: 'lossy', stallChance: 1, stallMs: 5, cutChance: 0 });
    const { socket, heard } = await client();
    socket.write('stalled');
    await eventually(() => expect(heard()).toBe('stalled'));
    await link.set({ kind: 'lossy', stallChance: 0, stallMs: 0, cutChance: 1 });
    socket.write('broken');
    await eventually(() => expect(socket.destroyed).toBe(true));
    expect(link.counters()).toMatchObject({ stalls: 2, cuts: 1 });
  });

  test('cut: breaks what is open, and lets new connections through', async () => {
    const { socket } = await client();
    await eventually(() => expect(link.cut()).toBe(1));
    await eventually(() => expect(socket.destroyed).toBe(true));
    const again = await client();
    again.socket.write('new');
    await eventually(() => expect(again.heard()).toBe('new'));
  });

  test('an end of the target reaches the client', async () => {
    const { socket } = await client();
    echo.close();
    const other = createServer((each) => each.on('error', () => undefined).end('bye'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    await using second = await createTcpLink({ target: { host: '127.0.0.1', port: portOf(other) } });
    const { socket: reader, heard } = await client(second.port);
    await once(reader, 'end');
    expect(heard()).toBe('bye');
    socket.destroy();
    other.close();
  });

  test('a target on a Unix socket can be cut off as well', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'socket');
    const daemon = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
    daemon.listen(path);
    await once(daemon, 'listening');
    await using toDaemon = await createTcpLink({ target: { path } });
    const { socket, heard } = await client(toDaemon.port);
    socket.write('ping');
    await eventually(() => expect(heard()).toBe('ping'));
    await toDaemon.set({ kind: 'refuse' });
    await eventually(() => expect(socket.destroyed).toBe(true));
    daemon.close();
  });

  test('sources: one of two that share a port can be cut off, and not the other', async () => {
    const order = ['left', 'right'];
    await using shared = await createTcpLink({
      target: { host: '127.0.0.1', port: portOf(echo) },
      sourceOf: () => order.shift() ?? null,
    });
    const left = await client(shared.port);
    await eventually(() => expect(order).toEqual(['right']));
    const right = await client(shared.port);
    await shared.set({ kind: 'black hole', holds: 'both' }, 'left');
    left.socket.write('left');
    right.socket.write('right');
    await eventually(() => expect(right.heard()).toBe('right'));
    expect(left.heard()).toBe('');
    left.socket.destroy();
    right.socket.destroy();
  });

  test('the owner of a connection is found by its port', async () => {
    const { socket } = await client();
    const owners = [
      { name: 'nobody', pid: null },
      { name: 'the kernel', pid: 2 },
      { name: 'this test', pid: process.pid },
    ];
    expect(ownerOfPort(socket.localPort ?? 0, owners)).toBe('this test');
    expect(ownerOfPort(1, owners)).toBeNull();
    socket.destroy();
  });
});
