// Two nodes at once on one place where bodies run: each finds, follows, stops and forgets what the other started, and one id is one
// body whoever submits it. The engine of the group is the first node; the second is opened beside it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AttemptReport, Engine } from '../../scheduler/engines/port.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { eventually } from '../eventually.ts';
import type { EngineTestScope } from './engine-world.ts';
import { aSpec, freshId, lookupOne, readLog, submit, whenEnded, whenPrinted, whenRunning } from './engine-world.ts';

/** Ids that both nodes submit at the same time. */
const RACES = 12;

function secondNode({ world }: EngineTestScope): () => Engine {
  let second: Engine | undefined;
  beforeAll(async () => {
    second = await world().open();
  });
  afterAll(() => second?.close());
  return () => {
    if (second === undefined) throw new Error('the second node is opened before the first test');
    return second;
  };
}

/** What also engines without real bodies keep. */
export function twoNodeTests(scope: EngineTestScope): void {
  const { engine: first, world } = scope;
  const second = secondNode(scope);
  const spec = (id: AttemptId, text = 'exit 0') => aSpec(id, world().script(id, text));

  test('both nodes name the same identity, now and when they are asked again', async () => {
    const identity = await first().identity();
    expect(identity).not.toBe('');
    expect(await second().identity()).toBe(identity);
    expect(await first().identity()).toBe(identity);
  });

  test('ids that both submit at the same time start one body each, and both tell the same end', async () => {
    const ids = Array.from({ length: RACES }, () => freshId());
    await Promise.all(ids.flatMap((id) => [submit(first(), spec(id)), submit(second(), spec(id))]));
    for (const id of ids) {
      const ended = await whenEnded(first(), id);
      expect(await whenEnded(second(), id)).toEqual(ended);
      expect(await world().starts(id)).toBe(1);
    }
  });

  test('what one node started the other one looks up and lists', async () => {
    const id = freshId();
    await submit(first(), spec(id));
    const ended = await whenEnded(second(), id);
    expect(await second().lookup([id], { fence: true })).toEqual([ended]);
    expect((await second().list()).map((report) => report.id)).toContain(id);
    expect(await submit(second(), spec(id))).toEqual(ended);
  });

  test('what one node has let go of the other one does not start', async () => {
    const [ended, never] = [freshId(), freshId()];
    await submit(first(), spec(ended));
    await whenEnded(first(), ended);
    await second().forget(ended);
    await second().forget(never);
    for (const id of [ended, never]) {
      await eventually(async () => expect((await lookupOne(first(), id)).state).toBe('unknown'));
      expect((await submit(first(), spec(id))).state).toBe('unknown');
    }
    expect(await world().starts(ended)).toBe(1);
    expect(await world().starts(never)).toBe(0);
  });

  test('both may forget one attempt, and tidy, at the same time', async () => {
    const id = freshId();
    await submit(first(), spec(id));
    await whenEnded(second(), id);
    await Promise.all([first(), second()].flatMap((engine) => [engine.forget(id), engine.tidy()]));
    expect((await lookupOne(first(), id)).state).toBe('unknown');
    expect((await lookupOne(second(), id)).state).toBe('unknown');
  });
}

export function twoNodeBodyTests(scope: EngineTestScope): void {
  const { engine: first, world } = scope;
  const second = secondNode(scope);
  const spec = (id: AttemptId, text: string) => aSpec(id, world().script(id, text));
  const untilTerm = `trap 'echo bye; exit 7' TERM; echo hello; while :; do sleep 0.05; done`;

  async function running(engine: Engine = first()): Promise<AttemptId> {
    const id = freshId();
    await submit(engine, spec(id, untilTerm));
    await whenPrinted(engine, id, 'hello');
    return id;
  }

  test('a body of the other node is found running since the same moment, and a submit starts no second one', async () => {
    const id = await running();
    const seen = await lookupOne(first(), id);
    expect(seen.state).toBe('running');
    await eventually(async () => expect((await lookupOne(second(), id)).state).toBe('running'));
    expect((await submit(second(), spec(id, untilTerm))).state).toBe('running');
    const [here, there] = await Promise.all([first(), second()].map((engine) => lookupOne(engine, id)));
    expect(startOf(there)).toBeGreaterThan(startOf(here) - 1_000);
    await second().stop(id, { graceMs: 0 });
    await whenEnded(first(), id);
    expect(await world().starts(id)).toBe(1);
  });

  test('the log of a body of the other node is followed to its end', async () => {
    const id = await running();
    const following = readLog(second(), id, { follow: true });
    await whenPrinted(second(), id, 'hello');
    await first().stop(id, { graceMs: 60_000 });
    expect((await following).stdout.toString()).toBe('hello\nbye\n');
  });

  test('a process is run beside a body of the other node', async () => {
    const id = await running();
    const session = await second().exec(id, {
      command: ['/bin/sh', '-c', 'echo beside; exit 3'],
      terminal: null,
      signal: new AbortController().signal,
    });
    const parts: Uint8Array[] = [];
    for await (const { bytes } of session.output) parts.push(Buffer.from(bytes));
    expect(Buffer.concat(parts).toString()).toBe('beside\n');
    expect(await session.exitCode).toBe(3);
    await session.close();
    await first().stop(id, { graceMs: 0 });
  });

  test('a body is stopped from the other node, with its grace, and both tell the same end', async () => {
    const id = await running();
    await second().stop(id, { graceMs: 60_000 });
    const ended = await whenEnded(second(), id);
    expect(ended.end).toEqual({ kind: 'exited', code: 7 });
    expect(await whenEnded(first(), id)).toEqual(ended);
  });

  test('the end of a body of the other node is told to whoever has looked it up', async () => {
    const id = await running();
    const watching = new AbortController();
    const told: AttemptReport[] = [];
    second().watch({ changed: (report) => told.push(report), missed: () => undefined }, { signal: watching.signal });
    try {
      await whenRunning(second(), id);
      await first().stop(id, { graceMs: 0 });
      await eventually(() => expect(told.filter((report) => report.id === id).at(-1)?.state).toBe('ended'));
    } finally {
      watching.abort();
    }
  });

  test('bodies outlive the node that started them, and the node that is left sees them to their end', async () => {
    const third = await world().open();
    const ids = [await running(third), await running(third), await running(third)];
    const watching = new AbortController();
    const told = new Map<AttemptId, string>();
    const changed = ({ id, state }: AttemptReport) => void told.set(id, state);
    second().watch({ changed, missed: () => undefined }, { signal: watching.signal });
    try {
      await world().crash(third);
      const found = await second().lookup(ids, { fence: true });
      expect(found.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
      for (const id of ids) await second().stop(id, { graceMs: 60_000 });
      for (const id of ids) {
        expect((await whenEnded(second(), id)).end).toEqual({ kind: 'exited', code: 7 });
        expect((await readLog(first(), id)).stdout.toString()).toBe('hello\nbye\n');
        expect(await world().starts(id)).toBe(1);
      }
      await eventually(() => expect(ids.map((id) => told.get(id))).toEqual(['ended', 'ended', 'ended']));
    } finally {
      watching.abort();
    }
  });
}

function startOf(report: AttemptReport | undefined): number {
  return report?.state === 'running' || report?.state === 'ended' ? report.startedAt : 0;
}
