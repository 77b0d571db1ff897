// Bodies with effects: how they end, what they are given, and how they are stopped.

import { expect, test } from 'vitest';
import type { AttemptId } from '../../store/model/ids.ts';
import { eventually } from '../eventually.ts';
import type { EngineTestScope } from './engine-world.ts';
import { aSpec, freshId, lookupOne, readLog, submit, whenEnded, whenPrinted } from './engine-world.ts';

export function outcomeTests({ engine, world }: EngineTestScope): void {
  const start = (id: AttemptId, text: string, env: Readonly<Record<string, string>> = {}) =>
    submit(engine(), aSpec(id, world().script(id, text), env));

  test.each([0, 1, 7, 126, 127, 128, 137, 143, 255])(
    'a body that exits with %d is told as exited with it',
    async (code) => {
      const id = freshId();
      await start(id, `exit ${code}`);
      expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'exited', code });
    },
  );

  test('a command that the body itself does not find is exit code 127, not a body that never started', async () => {
    const id = freshId();
    await start(id, 'no-such-command-at-all');
    expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'exited', code: 127 });
  });

  test('a missing command is not_started and the reason names it', async () => {
    const id = freshId();
    const { name, ...body } = world().missingCommand();
    await submit(engine(), aSpec(id, body));
    const ended = await whenEnded(engine(), id);
    expect(ended.end).toMatchObject({ kind: 'not_started' });
    expect(ended.end.kind === 'not_started' ? ended.end.why : '').toContain(name);
    expect(ended.startedAt).toBe(0);
    expect((await submit(engine(), aSpec(id, body))).state).toBe('ended');
  });

  test('an attempt that never started has no log', async () => {
    const id = freshId();
    await submit(engine(), aSpec(id, world().missingCommand()));
    await whenEnded(engine(), id);
    await expect(readLog(engine(), id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('the variables arrive as they were given, whatever they hold', async () => {
    const id = freshId();
    const env = {
      PLAIN: 'value',
      EMPTY: '',
      QUOTES: `it's "quoted" \\ $HOME \`id\` $(id) ; & | < > * ? [a] # ~`,
      LINES: 'one\ntwo\n\n three\t',
      UNICODE: 'grüße ✓ 火 🚀',
      EQUALS: 'a=b=c',
    };
    await start(id, `for n in ${Object.keys(env).join(' ')}; do eval "printf '%s|' \\"\\$$n\\""; done`, env);
    await whenEnded(engine(), id);
    expect((await readLog(engine(), id)).stdout.toString()).toBe(
      Object.values(env)
        .map((value) => `${value}|`)
        .join(''),
    );
  });

  test('arguments arrive as they were given', async () => {
    const id = freshId();
    const args = ['', ' two words ', `'"\\$x`, 'new\nline', '*', '✓'];
    const body = world().script(id, `printf '<%s>' "$@"`);
    await submit(engine(), aSpec(id, { ...body, command: [...(body.command ?? []), 'name', ...args] }));
    await whenEnded(engine(), id);
    expect((await readLog(engine(), id)).stdout.toString()).toBe(args.map((arg) => `<${arg}>`).join(''));
  });

  test('the body reads no input', async () => {
    const id = freshId();
    await start(id, 'cat; echo end');
    await whenEnded(engine(), id);
    expect((await readLog(engine(), id)).stdout.toString()).toBe('end\n');
  });

  test('processes that a body leaves behind end with it', async () => {
    const id = freshId();
    await start(id, 'sleep 300 & exit 3');
    expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'exited', code: 3 });
    await eventually(async () => expect(await world().alive(id)).toBe(false));
  });
}

export function stopTests({ engine, world }: EngineTestScope): void {
  const start = (id: AttemptId, text: string) => submit(engine(), aSpec(id, world().script(id, text)));

  test('a body that honours SIGTERM ends in its own way within the grace', async () => {
    const id = freshId();
    await start(id, `trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done`);
    await whenPrinted(engine(), id, 'ready');
    await engine().stop(id, { graceMs: 60_000 });
    expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'exited', code: 9 });
    expect((await readLog(engine(), id)).stdout.toString()).toBe('ready\nbye\n');
  });

  test('a body that ignores SIGTERM is killed after the grace', async () => {
    const id = freshId();
    await start(id, `trap 'echo no' TERM; echo ready; while :; do sleep 0.05; done`);
    await whenPrinted(engine(), id, 'ready');
    const asked = Date.now();
    await engine().stop(id, { graceMs: 700 });
    const ended = await whenEnded(engine(), id);
    expect(ended.end).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
    expect(Date.now() - asked).toBeGreaterThanOrEqual(600);
    expect((await readLog(engine(), id)).stdout.toString()).toContain('no\n');
  });

  test('a grace of 0 kills at once', async () => {
    const id = freshId();
    await start(id, `trap 'echo no' TERM; echo ready; while :; do sleep 0.05; done`);
    await whenPrinted(engine(), id, 'ready');
    await engine().stop(id, { graceMs: 0 });
    expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
    expect((await readLog(engine(), id)).stdout.toString()).toBe('ready\n');
  });

  test('a second stop may shorten the grace', async () => {
    const id = freshId();
    await start(id, `trap 'echo no' TERM; echo ready; while :; do sleep 0.05; done`);
    await whenPrinted(engine(), id, 'ready');
    await engine().stop(id, { graceMs: 600_000 });
    await engine().stop(id, { graceMs: 0 });
    expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
  });

  test('the children of a killed body are killed too', async () => {
    const id = freshId();
    await start(id, `sh -c 'sleep 300 & sleep 300' & echo ready; wait`);
    await whenPrinted(engine(), id, 'ready');
    await engine().stop(id, { graceMs: 0 });
    expect((await whenEnded(engine(), id)).end.kind).toBe('signalled');
    await eventually(async () => expect(await world().alive(id)).toBe(false));
  });

  test('stopping an ended or an unknown attempt is no error', async () => {
    const id = freshId();
    await start(id, 'exit 4');
    const ended = await whenEnded(engine(), id);
    await engine().stop(id, { graceMs: 0 });
    await engine().stop(id, { graceMs: 1_000 });
    await engine().stop(freshId(), { graceMs: 0 });
    expect(await lookupOne(engine(), id)).toEqual(ended);
  });
}
