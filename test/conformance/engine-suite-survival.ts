// The server dies, bodies do not: what an engine opened afterwards must find.

import { expect, test } from 'vitest';
import type { AttemptReport, Engine } from '../../scheduler/engines/port.ts';
import { eventually } from '../eventually.ts';
import type { EngineTestScope } from './engine-world.ts';
import { aSpec, freshId, lookupOne, readLog, submit, whenEnded, whenPrinted } from './engine-world.ts';

export function survivalTests({ world }: EngineTestScope): void {
  async function withEngine<T>(use: (engine: Engine) => Promise<T>): Promise<T> {
    const engine = await world().open();
    try {
      return await use(engine);
    } finally {
      await world().crash(engine);
    }
  }
  const untilTerm = `trap 'echo bye; exit 7' TERM; echo hello; while :; do sleep 0.05; done`;

  test('a body goes on without its server, is found running and can be stopped', async () => {
    const id = freshId();
    const spec = aSpec(id, world().script(id, untilTerm));
    const before = await withEngine(async (engine) => {
      await submit(engine, spec);
      await whenPrinted(engine, id, 'hello');
      return lookupOne(engine, id);
    });
    expect(await world().alive(id)).toBe(true);
    await withEngine(async (engine) => {
      const found = await lookupOne(engine, id);
      expect(found.state).toBe('running');
      expect(before.state).toBe('running');
      expect((await submit(engine, spec)).state).toBe('running');
      expect((await engine.list()).map((report) => report.id)).toContain(id);
      const following = readLog(engine, id, { follow: true });
      await engine.stop(id, { graceMs: 60_000 });
      expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 7 });
      expect((await following).stdout.toString()).toBe('hello\nbye\n');
    });
    expect(await world().starts(id)).toBe(1);
  });

  test('an end without a server is found, with the whole log', async () => {
    const id = freshId();
    const spec = aSpec(id, world().script(id, 'echo hello; echo oops >&2; sleep 0.5; echo bye; exit 3'));
    await withEngine((engine) => submit(engine, spec));
    await eventually(async () => expect(await world().alive(id)).toBe(false));
    await withEngine(async (engine) => {
      const ended = await whenEnded(engine, id);
      expect(ended.end).toEqual({ kind: 'exited', code: 3 });
      expect(ended.endedAt).toBeGreaterThanOrEqual(ended.startedAt);
      const log = await readLog(engine, id);
      expect([log.stdout.toString(), log.stderr.toString()]).toEqual(['hello\nbye\n', 'oops\n']);
      expect(await submit(engine, spec)).toEqual(ended);
    });
    expect(await world().starts(id)).toBe(1);
  });

  test('the end of an adopted body is told to the listener', async () => {
    const id = freshId();
    await withEngine((engine) => submit(engine, aSpec(id, world().script(id, untilTerm))));
    await withEngine(async (engine) => {
      const watching = new AbortController();
      const told: AttemptReport[] = [];
      engine.watch({ changed: (report) => told.push(report), missed: () => undefined }, { signal: watching.signal });
      expect((await lookupOne(engine, id)).state).toBe('running');
      await engine.stop(id, { graceMs: 0 });
      await eventually(() => expect(told.at(-1)).toMatchObject({ id, state: 'ended' }));
      watching.abort();
    });
  });

  test('a command that does not exist is still known after the server died', async () => {
    const id = freshId();
    const { name, ...body } = world().missingCommand();
    await withEngine((engine) => submit(engine, aSpec(id, body)));
    await withEngine(async (engine) => {
      const ended = await whenEnded(engine, id);
      expect(ended.end).toMatchObject({ kind: 'not_started' });
      expect(ended.end.kind === 'not_started' ? ended.end.why : '').toContain(name);
    });
  });

  test('what was forgotten stays forgotten, and its id stays used', async () => {
    const id = freshId();
    const spec = aSpec(id, world().script(id, 'exit 0'));
    await withEngine(async (engine) => {
      await submit(engine, spec);
      await whenEnded(engine, id);
      await engine.forget(id);
    });
    await withEngine(async (engine) => {
      expect((await lookupOne(engine, id)).state).toBe('unknown');
      expect(['unknown', 'ended']).toContain((await submit(engine, spec)).state);
    });
    expect(await world().starts(id)).toBe(1);
  });
}
