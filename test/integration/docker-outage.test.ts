// A Docker daemon that goes away in the middle: everything waits, nothing is decided, nothing starts twice.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DockerEngine } from '../../scheduler/engines/docker/engine.ts';
import type { AttemptReport } from '../../scheduler/engines/port.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { aSpec, freshId, lookupOne, readLog, submit, whenEnded, whenRunning } from '../conformance/engine-world.ts';
import type { DaemonProxy } from '../docker/daemon-proxy.ts';
import { openProxy } from '../docker/daemon-proxy.ts';
import { eventually } from '../eventually.ts';
import type { DockerWorld } from './docker-world.ts';
import { dockerWorld, shell } from './docker-world.ts';

let world: DockerWorld;
beforeAll(async () => {
  world = await dockerWorld();
});
afterAll(async () => {
  await world.dispose();
});

const UNAVAILABLE = { code: 'unavailable' };

/** An engine that reaches the daemon by way of the proxy. */
async function throughProxy(use: (engine: DockerEngine, proxy: DaemonProxy) => Promise<void>): Promise<void> {
  await using proxy = await openProxy(world.address);
  const engine = await world.open({ address: proxy.address, callDeadlineMs: 2_000 });
  try {
    await use(engine, proxy);
  } finally {
    await engine.close();
  }
}

const hello = (id: AttemptId, seconds = 0) => aSpec(id, shell(`echo hello; sleep ${seconds}; echo bye; exit 3`));

async function expectWhole(engine: DockerEngine, id: AttemptId): Promise<void> {
  const ended = await eventually(() => whenEnded(engine, id));
  expect(ended.end).toEqual({ kind: 'exited', code: 3 });
  expect((await readLog(engine, id)).stdout.toString()).toBe('hello\nbye\n');
  expect(await world.probe.starts(id)).toBe(1);
}

test('a daemon that goes while a body runs: unavailable, then the running body is there again, and its end is told', async () => {
  await throughProxy(async (engine, proxy) => {
    const id = freshId();
    const watching = new AbortController();
    const told: AttemptReport[] = [];
    const missed: string[] = [];
    engine.watch(
      { changed: (report) => told.push(report), missed: (why) => missed.push(why) },
      { signal: watching.signal },
    );
    await submit(engine, hello(id, 2));
    await whenRunning(engine, id);
    await eventually(() => expect(told.at(-1)?.state).toBe('running'));
    await proxy.cut();
    await expect(engine.lookup([id])).rejects.toMatchObject(UNAVAILABLE);
    await expect(engine.list()).rejects.toMatchObject(UNAVAILABLE);
    await expect(engine.stop(id, { graceMs: 0 })).rejects.toMatchObject(UNAVAILABLE);
    await expect(readLog(engine, id)).rejects.toMatchObject(UNAVAILABLE);
    const before = missed.length;
    await proxy.mend();
    // What happened meanwhile is not told by events: the listener is told to look.
    await eventually(() => expect(missed.length).toBeGreaterThan(before));
    await expectWhole(engine, id);
    watching.abort();
  });
});

test('a follower of a log goes on after an outage, without a byte lost or doubled', async () => {
  await throughProxy(async (engine, proxy) => {
    const id = freshId();
    await submit(engine, hello(id, 3));
    let text = '';
    const reading = follow(engine, id, (part) => (text += part));
    await eventually(() => expect(text).toBe('hello\n'));
    await proxy.cut();
    const position = await reading;
    await proxy.mend();
    await eventually(async () => expect((await lookupOne(engine, id)).state).toBe('running'));
    await follow(engine, id, (part) => (text += part), position);
    expect(text).toBe('hello\nbye\n');
  });
});

/** Until the end or an outage; where to go on. */
async function follow(
  engine: DockerEngine,
  id: AttemptId,
  take: (part: string) => void,
  from = { stdout: 0, stderr: 0 },
): Promise<{ stdout: number; stderr: number }> {
  const position = { ...from };
  try {
    for await (const { stream, bytes } of engine.logs(id, { from, follow: true })) {
      take(Buffer.from(bytes).toString());
      position[stream] += bytes.length;
    }
  } catch (error) {
    expect(error).toMatchObject(UNAVAILABLE);
  }
  return position;
}

test('a submission to a daemon that is away is refused, and starts one body later', async () => {
  await throughProxy(async (engine, proxy) => {
    const id = freshId();
    await proxy.cut();
    await expect(submit(engine, hello(id))).rejects.toMatchObject(UNAVAILABLE);
    await proxy.mend();
    await eventually(() => submit(engine, hello(id)));
    await expectWhole(engine, id);
  });
});

test.each(['/containers/create', '/start'])(
  'the answer to %s is lost with the daemon: the outcome is unknown, and one body starts all in all',
  async (path) => {
    await throughProxy(async (engine, proxy) => {
      const id = freshId();
      const lost = proxy.cutAnswerTo(path);
      const submitted = submit(engine, hello(id));
      await Promise.all([lost, expect(submitted).rejects.toMatchObject(UNAVAILABLE)]);
      await proxy.mend();
      const report = await eventually(async () => (await engine.lookup([id], { fence: true }))[0]);
      expect(report?.state).toMatch(path === '/start' ? /running|ended/ : /unknown/);
      await submit(engine, hello(id));
      await expectWhole(engine, id);
    });
  },
);

test('a daemon that hangs: calls end at their deadline, then fail at once, and work again soon after', async () => {
  await throughProxy(async (engine, proxy) => {
    const id = freshId();
    await submit(engine, hello(id));
    await whenEnded(engine, id);
    proxy.freeze();
    // How many it takes depends on the calls that went well just before.
    await eventually(async () => {
      const calls = Array.from({ length: 8 }, () => expect(engine.lookup([id])).rejects.toMatchObject(UNAVAILABLE));
      await Promise.all(calls);
      expect(engine.breakerState()).toBe('open');
    });
    const asked = performance.now();
    await expect(engine.lookup([id])).rejects.toMatchObject(UNAVAILABLE);
    expect(performance.now() - asked).toBeLessThan(1_000);
    proxy.thaw();
    await eventually(async () => expect((await lookupOne(engine, id)).state).toBe('ended'));
    await eventually(() => expect(engine.breakerState()).toBe('closed'));
    await expectWhole(engine, id);
  });
});
