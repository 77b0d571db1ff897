// What nodes hear from each other, over real sockets.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChildScript } from '../../child-script.ts';
import { eventually } from '../../eventually.ts';
import { aPeer, aPeerProcess, heardOf, peerScript } from './peers-world.ts';
import { aPulse } from './peers-parts.ts';

let script: ChildScript;
beforeAll(async () => {
  script = await peerScript();
});
afterAll(() => script[Symbol.asyncDispose]());

/** Shorter than in earnest, since a test waits for it. */
const QUICK = { pulseMs: 20, streamSilentMs: 300, againMaxMs: 100, keepAliveMs: 100, keepAliveTimeoutMs: 100 };
const PROBE_MS = 2_000;

test('a node hears what those say that it follows, again and again', async () => {
  const [a, b] = [await aPeer('a'), await aPeer('b', { timings: QUICK })];
  a.peers.follow([a.target, b.target]);
  await eventually(() => expect(heardOf(a, b.target)).toMatchObject({ pulse: aPulse('b'), broken: false }));
  b.pulse = aPulse('b', { term: 9, storeSilentMs: 12, leader: { nodeId: 'x', silentMs: 3 }, clock: 2_000 });
  await eventually(() => expect(heardOf(a, b.target).pulse).toEqual(b.pulse));
  expect(a.peers.heard().map(({ target }) => target.name)).toEqual(['b']);
});

test('news: another term, and a leader that others miss, are told at once; sameness is not', async () => {
  const [a, b] = [await aPeer('a'), await aPeer('b', { timings: QUICK })];
  let news = 0;
  a.peers.onNews(() => (news += 1));
  a.peers.follow([b.target]);
  await eventually(() => expect(news).toBe(1));
  b.pulse = aPulse('b', { clock: 2_000 });
  await eventually(() => expect(heardOf(a, b.target).pulse?.clock).toBe(2_000));
  expect(news).toBe(1);
  b.pulse = aPulse('b', { term: 2 });
  await eventually(() => expect(news).toBe(2));
  b.pulse = aPulse('b', { term: 2, leader: { nodeId: 'x', silentMs: 1_500 } });
  await eventually(() => expect(news).toBeGreaterThan(3));
});

test('a killed process is noticed at once, and a probe says that it is gone', async () => {
  const a = await aPeer('a');
  const b = await aPeerProcess(script, 'b');
  a.peers.follow([b.target]);
  await eventually(() => expect(heardOf(a, b.target).pulse?.term).toBe(7));
  expect(await a.peers.probe(b.target, PROBE_MS)).toBe('alive');
  const news = new Promise<void>((resolve) => a.peers.onNews(resolve));
  await b.script.kill();
  await news;
  expect(heardOf(a, b.target)).toMatchObject({ broken: true, pulse: { term: 7 } });
  expect(await a.peers.probe(b.target, PROBE_MS)).toBe('gone');
});

test('a frozen process is silent, never gone, and is heard again when it goes on', async () => {
  const a = await aPeer('a', { timings: QUICK });
  const b = await aPeerProcess(script, 'b');
  a.peers.follow([b.target]);
  await eventually(() => expect(heardOf(a, b.target).pulse).not.toBeNull());
  b.script.process.kill('SIGSTOP');
  await eventually(() => expect(heardOf(a, b.target).silentMs).toBeGreaterThan(700));
  expect(heardOf(a, b.target).broken).toBe(true);
  expect(await a.peers.probe(b.target, 200)).toBe('silent');
  b.script.process.kill('SIGCONT');
  await eventually(() => expect(heardOf(a, b.target)).toMatchObject({ broken: false }));
  expect(heardOf(a, b.target).silentMs).toBeLessThan(700);
  expect(await a.peers.probe(b.target, PROBE_MS)).toBe('alive');
});

test('a restarted node at the same address is another one: the old one is gone, the new one is heard', async () => {
  const a = await aPeer('a', { timings: QUICK });
  const old = await aPeerProcess(script, 'b');
  a.peers.follow([old.target]);
  await eventually(() => expect(heardOf(a, old.target).pulse).not.toBeNull());
  await old.script.kill();
  const next = await aPeerProcess(script, 'b2', 'engine', old.target.address.replace(/.*:/, ''));
  expect(next.target.address).toBe(old.target.address);
  await eventually(() => expect(a.lines.at(-1)).toMatchObject({ message: 'peers: stream broke' }));
  expect(await a.peers.probe(old.target, PROBE_MS)).toBe('gone');
  expect(heardOf(a, old.target)).toMatchObject({ broken: true, pulse: { nodeId: 'b' } });
  a.peers.follow([next.target]);
  await eventually(() => expect(heardOf(a, next.target)).toMatchObject({ broken: false, pulse: { nodeId: 'b2' } }));
  expect(a.peers.heard()).toHaveLength(1);
});

test('a node that is not followed any more is let go: no connection is left', async () => {
  const [a, b] = [await aPeer('a'), await aPeer('b')];
  const link = await aLink(b.target.address);
  const target = { ...b.target, address: link.address };
  a.peers.follow([target]);
  await eventually(() => expect(heardOf(a, target).pulse).not.toBeNull());
  expect(link.open()).toBe(2);
  a.peers.follow([]);
  expect(a.peers.heard()).toEqual([]);
  await eventually(() => expect(link.open()).toBe(0));
  await link.close();
});

test('a node of another cluster is refused, with a line in the log that names both, and counts as gone', async () => {
  const [a, b] = [await aPeer('a', { timings: QUICK }), await aPeer('b', { clusterId: 'cluster-2' })];
  a.peers.follow([b.target]);
  await eventually(() => expect(heardOf(a, b.target).broken).toBe(true));
  expect(heardOf(a, b.target).pulse).toBeNull();
  expect(await a.peers.probe(b.target, PROBE_MS)).toBe('gone');
  const refused = b.lines.filter(({ message }) => message.includes('another cluster'));
  expect(refused).toHaveLength(1);
  expect(refused[0]?.fields).toMatchObject({ caller: 'a', theirCluster: 'cluster-1', ourCluster: 'cluster-2' });
});

test('a stream that a cut link leaves open is broken by its silence, and opened again when the link is back', async () => {
  const a = await aPeer('a', { timings: QUICK });
  const b = await aPeer('b', { timings: QUICK });
  const link = await aLink(b.target.address);
  const target = { ...b.target, address: link.address };
  a.peers.follow([target]);
  await eventually(() => expect(heardOf(a, target).pulse).not.toBeNull());
  link.cut(true);
  await eventually(() => expect(heardOf(a, target).broken).toBe(true));
  expect(await a.peers.probe(target, 200)).toBe('silent');
  link.cut(false);
  await eventually(() => expect(heardOf(a, target).broken).toBe(false));
  await link.close();
});

test('what says nothing, or something else, at an address is silent; what refuses is gone; nobody has no address', async () => {
  const a = await aPeer('a');
  const talker = createServer((socket) =>
    socket
      .on('error', () => undefined)
      .resume()
      .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  talker.listen(0, '127.0.0.1');
  await once(talker, 'listening');
  const address = `127.0.0.1:${(talker.address() as AddressInfo).port}`;
  const target = { name: 'x', nodeId: 'x', address };
  expect(await a.peers.probe(target, 200)).toBe('silent');
  talker.close();
  await once(talker, 'close');
  expect(await a.peers.probe(target, PROBE_MS)).toBe('gone');
  expect(await a.peers.probe({ ...target, address: '' }, 200)).toBe('silent');
});

/** A wire between two nodes that can go dead without a word. */
async function aLink(to: string) {
  const [host = '', port = ''] = to.split(':');
  const sockets = new Set<Socket>();
  let dead = false;
  const server = createServer((near) => {
    const far = connect({ host, port: Number(port) });
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => !dead && into.write(bytes));
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (!dead) into.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: (isDead: boolean) => (dead = isDead),
    /** Ends of connections, two of each. */
    open: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
