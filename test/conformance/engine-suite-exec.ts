// One more process beside a running body.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExecSession } from '../../scheduler/engines/port.ts';
import type { EngineTestScope } from './engine-world.ts';
import { aSpec, freshId, submit, whenEnded, whenRunning } from './engine-world.ts';

export function executeTests({ engine, world }: EngineTestScope): void {
  const host = freshId();
  beforeAll(async () => {
    await submit(engine(), aSpec(host, world().script(host, 'while :; do sleep 0.1; done'), { OF_TASK: 'yes' }));
    await whenRunning(engine(), host);
  });
  afterAll(async () => {
    await engine().stop(host, { graceMs: 0 });
  });

  const run = (command: readonly string[], signal = new AbortController().signal) =>
    engine().exec(host, { command, terminal: null, signal });

  test('output of both streams and the exit code arrive', async () => {
    const session = await run(['/bin/sh', '-c', 'echo out; echo err >&2; exit 5']);
    expect(await outputOf(session)).toEqual({ stdout: 'out\n', stderr: 'err\n' });
    expect(await session.exitCode).toBe(5);
    await session.close();
  });

  test('input is delivered and its end is seen', async () => {
    const session = await run(['/bin/sh', '-c', 'cat']);
    await session.write(Buffer.from('one\n'));
    await session.write(Buffer.from('two'));
    await session.endInput();
    expect((await outputOf(session)).stdout).toBe('one\ntwo');
    expect(await session.exitCode).toBe(0);
    await session.close();
  });

  test('it sees the variables of the task', async () => {
    const session = await run(['/bin/sh', '-c', 'printf %s "$OF_TASK"']);
    expect((await outputOf(session)).stdout).toBe('yes');
    await session.close();
  });

  test('closing ends it without hanging its reader', async () => {
    const session = await run(['/bin/sh', '-c', 'echo ready; sleep 300']);
    const output = outputOf(session);
    await session.close();
    expect((await output).stderr).toBe('');
  });

  test('an aborted signal closes it', async () => {
    const leaving = new AbortController();
    const session = await run(['/bin/sh', '-c', 'sleep 300'], leaving.signal);
    leaving.abort();
    await outputOf(session).catch(() => undefined);
    await session.close();
  });

  test('the body goes on beside it', async () => {
    const session = await run(['/bin/sh', '-c', 'exit 0']);
    await outputOf(session);
    await session.close();
    expect(await engine().lookup([host])).toMatchObject([{ state: 'running' }]);
  });

  test('an ended body is a conflict, an unknown one is not found', async () => {
    const id = freshId();
    await submit(engine(), aSpec(id, world().script(id, 'exit 0')));
    await whenEnded(engine(), id);
    const options = { command: ['/bin/sh', '-c', 'exit 0'], terminal: null, signal: new AbortController().signal };
    await expect(engine().exec(id, options)).rejects.toMatchObject({ code: 'conflict' });
    await expect(engine().exec(freshId(), options)).rejects.toMatchObject({ code: 'not_found' });
  });
}

async function outputOf(session: ExecSession): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const parts: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] };
  for await (const chunk of session.output) parts[chunk.stream].push(Buffer.from(chunk.bytes));
  return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() };
}
