// One body per id, whoever submits it and however late; look-up, list, watch and forget. Bodies here may be without effect
// (an engine without real bodies passes as well), so only what `starts` counts is asked of them.

import { expect, test } from 'vitest';
import type { AttemptReport, Engine } from '../../scheduler/engines/port.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import { eventually } from '../eventually.ts';
import type { EngineTestScope } from './engine-world.ts';
import { aSpec, freshId, lookupOne, submit, whenEnded } from './engine-world.ts';

const TWINS = 8;

export function onceTests({ engine, world }: EngineTestScope): void {
  const spec = (id: AttemptId, text = 'exit 0') => aSpec(id, world().script(id, text));

  test('a submitted body runs once and its end is told', async () => {
    const id = freshId();
    const report = await submit(engine(), spec(id));
    expect(report.id).toBe(id);
    expect(['pending', 'running', 'ended']).toContain(report.state);
    const ended = await whenEnded(engine(), id);
    expect(ended.end).toEqual({ kind: 'exited', code: 0 });
    expect(ended.endedAt).toBeGreaterThanOrEqual(ended.startedAt);
    expect(await world().starts(id)).toBe(1);
  });

  test('start and end are near the present', async () => {
    const id = freshId();
    const before = Date.now();
    await submit(engine(), spec(id));
    const ended = await whenEnded(engine(), id);
    // A second of tolerance: another machine or a file system may keep the time.
    expect(ended.startedAt).toBeGreaterThan(before - 1_000);
    expect(ended.endedAt).toBeLessThan(Date.now() + 1_000);
  });

  test('a second submit while the first runs, or after it ended, starts nothing', async () => {
    const id = freshId();
    await submit(engine(), spec(id, 'sleep 0.3'));
    expect((await submit(engine(), spec(id, 'sleep 0.3'))).id).toBe(id);
    const ended = await whenEnded(engine(), id);
    expect(await submit(engine(), spec(id, 'sleep 0.3'))).toEqual(ended);
    expect(await world().starts(id)).toBe(1);
  });

  test('of concurrent submits of one id exactly one starts a body', async () => {
    const id = freshId();
    const reports = await Promise.all(Array.from({ length: TWINS }, () => submit(engine(), spec(id, 'sleep 0.2'))));
    expect(reports.filter((report) => report.state === 'unknown')).toEqual([]);
    await whenEnded(engine(), id);
    expect(await world().starts(id)).toBe(1);
  });

  test('of concurrent submits through two engines exactly one starts a body', async () => {
    const other = await world().open();
    try {
      const id = freshId();
      const engines: readonly Engine[] = [engine(), other];
      await Promise.all(
        Array.from({ length: TWINS }, (_, n) => submit(engines[n % 2] ?? other, spec(id, 'sleep 0.2'))),
      );
      expect(await whenEnded(other, id)).toMatchObject({ end: { kind: 'exited', code: 0 } });
      expect(await whenEnded(engine(), id)).toMatchObject({ end: { kind: 'exited', code: 0 } });
      expect(await world().starts(id)).toBe(1);
    } finally {
      await other.close();
    }
  });

  test('a submit whose signal is aborted already starts nothing', async () => {
    const id = freshId();
    await expect(engine().submit(spec(id), { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(await world().starts(id)).toBe(0);
    expect((await lookupOne(engine(), id)).state).toBe('unknown');
  });
}

export function listTests({ engine, world }: EngineTestScope): void {
  const spec = (id: AttemptId, text = 'exit 0') => aSpec(id, world().script(id, text));

  test('an id that was never submitted is unknown, with the fence asked for or not', async () => {
    const id = freshId();
    expect(await engine().lookup([id])).toEqual([{ id, state: 'unknown' }]);
    expect(await engine().lookup([id], { fence: true })).toEqual([{ id, state: 'unknown' }]);
  });

  test('an id that was fenced while unknown can be submitted', async () => {
    const id = freshId();
    await engine().lookup([id], { fence: true });
    await submit(engine(), spec(id));
    expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'exited', code: 0 });
    expect(await world().starts(id)).toBe(1);
  });

  test('the fence leaves a started body alone', async () => {
    const id = freshId();
    await submit(engine(), spec(id, 'sleep 0.2'));
    await engine().lookup([id], { fence: true });
    expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'exited', code: 0 });
  });

  test('look-up answers in the order of the question', async () => {
    const [first, unknown, second] = [freshId(), freshId(), freshId()];
    await submit(engine(), spec(first));
    await submit(engine(), spec(second));
    const reports = await engine().lookup([second, unknown, first]);
    expect(reports.map((report) => report.id)).toEqual([second, unknown, first]);
    expect(reports[1]?.state).toBe('unknown');
  });

  test('no ids give no reports', async () => {
    expect(await engine().lookup([])).toEqual([]);
  });

  test('the list holds running and ended attempts, and no others', async () => {
    const [running, ended, unknown] = [freshId(), freshId(), freshId()];
    await submit(engine(), spec(ended));
    await whenEnded(engine(), ended);
    await submit(engine(), spec(running, 'sleep 0.3'));
    const listed = (await engine().list()).map((report) => report.id);
    expect(listed).toEqual(expect.arrayContaining([running, ended]));
    expect(listed).not.toContain(unknown);
    expect(new Set(listed).size).toBe(listed.length);
    await whenEnded(engine(), running);
  });
}

export function watchTests({ engine, world }: EngineTestScope): void {
  const spec = (id: AttemptId, text = 'exit 0') => aSpec(id, world().script(id, text));

  test('the listener is told the end of an attempt, and nothing of it afterwards', async () => {
    const watching = new AbortController();
    const told: AttemptReport[] = [];
    engine().watch({ changed: (report) => told.push(report), missed: () => undefined }, { signal: watching.signal });
    try {
      const id = freshId();
      await submit(engine(), spec(id, 'sleep 0.2'));
      await eventually(() => expect(told.at(-1)).toMatchObject({ id, state: 'ended' }));
      const states = told.filter((report) => report.id === id).map((report) => report.state);
      // Never out of order: what came before the end is pending, then running.
      const order = ['pending', 'running', 'ended'];
      expect(states).toEqual([...states].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
      expect(told.at(-1)).toEqual(await lookupOne(engine(), id));
    } finally {
      watching.abort();
    }
  });

  test('a listener that left is told nothing', async () => {
    const watching = new AbortController();
    const told: AttemptReport[] = [];
    engine().watch({ changed: (report) => told.push(report), missed: () => undefined }, { signal: watching.signal });
    watching.abort();
    const id = freshId();
    await submit(engine(), spec(id));
    await whenEnded(engine(), id);
    expect(told).toEqual([]);
  });
}

export function forgetTests({ engine, world }: EngineTestScope): void {
  const spec = (id: AttemptId, text = 'exit 0') => aSpec(id, world().script(id, text));

  async function ended(): Promise<AttemptId> {
    const id = freshId();
    await submit(engine(), spec(id));
    await whenEnded(engine(), id);
    return id;
  }

  test('a forgotten attempt is unknown and not listed', async () => {
    const id = await ended();
    await engine().forget(id);
    expect((await lookupOne(engine(), id)).state).toBe('unknown');
    expect((await engine().list()).map((report) => report.id)).not.toContain(id);
  });

  test('a submit after forget starts no body, also through another engine', async () => {
    const id = await ended();
    await engine().forget(id);
    expect(['unknown', 'ended']).toContain((await submit(engine(), spec(id))).state);
    const other = await world().open();
    try {
      expect(['unknown', 'ended']).toContain((await submit(other, spec(id))).state);
    } finally {
      await other.close();
    }
    expect(await world().starts(id)).toBe(1);
  });

  test('an attempt that is forgotten before it was ever submitted cannot be started by a late submit', async () => {
    const id = freshId();
    await engine().forget(id);
    expect(['unknown', 'ended']).toContain((await submit(engine(), spec(id))).state);
    expect((await lookupOne(engine(), id)).state).toBe('unknown');
    expect(await world().starts(id)).toBe(0);
  });

  test('an attempt that is stopped before it was ever submitted cannot be started by a late submit', async () => {
    const id = freshId();
    await engine().stop(id, { graceMs: 0 });
    expect((await lookupOne(engine(), id)).state).toBe('unknown');
    expect(['unknown', 'ended']).toContain((await submit(engine(), spec(id))).state);
    expect(await world().starts(id)).toBe(0);
  });

  test('forgetting twice, or an unknown id, is no error', async () => {
    const id = await ended();
    await engine().forget(id);
    await engine().forget(id);
    await engine().forget(freshId());
  });
}
