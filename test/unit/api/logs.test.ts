import { expect, test } from 'vitest';
import type { LiveLogChunk, LiveTasks } from '../../../api/operations/deps.ts';
import { archiveName, writeArchive } from '../../../store/logs/archive.ts';
import { AppError } from '../../../store/model/errors.ts';
import type { TaskExecution } from '../../../store/model/run.ts';
import { eventually } from '../../eventually.ts';
import { NOON } from '../worlds.ts';
import { PIPELINE, deployed, endRun, startedRun } from './api-world.ts';
import { aCompleteTask, aListeningApi, aPast, aRunningTask, listen, putTask } from './streams-world.ts';
import type { StreamWorld } from './streams-world.ts';

const chunk = (text: string | Uint8Array, at = NOON, stream: LiveLogChunk['stream'] = 'stdout'): LiveLogChunk => ({
  stream,
  at,
  bytes: typeof text === 'string' ? Buffer.from(text) : text,
});

async function* each(chunks: readonly LiveLogChunk[]): AsyncGenerator<LiveLogChunk> {
  yield* chunks;
}

/** An engine with one log that grows until `end`, and that may be away or have forgotten it. */
class Engine implements LiveTasks {
  readonly chunks: LiveLogChunk[] = [];
  trouble: 'not_found' | 'unavailable' | null = null;
  asked = 0;
  #ended = false;
  #forgotten = false;
  #wake: (() => void)[] = [];

  say(...chunks: readonly LiveLogChunk[]): void {
    this.chunks.push(...chunks);
    this.#wakeAll();
  }

  end(): void {
    this.#ended = true;
    this.#wakeAll();
  }

  /** Who reads it comes to an end where he is; who asks from now on is told that there is none. */
  forget(): void {
    this.#forgotten = true;
    this.#wakeAll();
  }

  break(trouble: Engine['trouble']): void {
    this.trouble = trouble;
    this.#wakeAll();
  }

  async *logs(...[, { from, follow, signal }]: Parameters<LiveTasks['logs']>): AsyncGenerator<LiveLogChunk> {
    const skip = { stdout: 0, stderr: 0, ...from };
    this.asked += 1;
    if (this.#forgotten) throw new AppError('not_found', 'forgotten');
    for (let index = 0; ;) {
      if (this.trouble !== null) throw new AppError(this.trouble, 'trouble');
      const next = this.chunks[index];
      if (next !== undefined) {
        index += 1;
        const skipped = Math.min(skip[next.stream], next.bytes.length);
        skip[next.stream] -= skipped;
        if (skipped < next.bytes.length) yield { ...next, bytes: next.bytes.subarray(skipped) };
        continue;
      }
      if (!follow || this.#ended || this.#forgotten || signal.aborted) return;
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  exec(): Promise<never> {
    return Promise.reject(new AppError('conflict', 'The task does not run.'));
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

interface World extends StreamWorld {
  readonly engine: Engine;
  readonly runId: number;
}

const PATH = (runId: number) => `${PIPELINE}/runs/${runId}/tasks/build/logs`;

/** A run whose task `build` is in the given state. */
async function aRun(taskOf?: (runId: number) => TaskExecution): Promise<World> {
  const engine = new Engine();
  const api = await aListeningApi({ live: engine });
  await deployed(api);
  const runId = await startedRun(api);
  if (taskOf !== undefined) await putTask(api.state, taskOf(runId));
  return { ...api, engine, runId };
}

async function archived(
  chunks: readonly LiveLogChunk[],
  changes: Parameters<typeof aCompleteTask>[1] = {},
): Promise<World> {
  const world = await aRun((runId) => aCompleteTask(runId, changes));
  const key = { ...aCompleteTask(world.runId), attempt: 1 };
  await writeArchive(world.deps.objects, archiveName(key), each(chunks));
  return world;
}

test('an archived log: line by line, with line ends, then out of events', async () => {
  await using world = await archived([chunk('one\ntw'), chunk('err\n', NOON, 'stderr'), chunk('o\nthree')]);
  expect(await listen(world, PATH(world.runId))).toMatchObject({
    messages: ['one\n', 'err\n', 'two\n', 'three'],
    code: 1000,
    reason: 'out of events',
  });
});

test('lines of the two streams are never mixed', async () => {
  await using world = await archived([
    chunk('out: '),
    chunk('err: ', NOON, 'stderr'),
    chunk('1\n'),
    chunk('2\n', NOON, 'stderr'),
  ]);
  expect((await listen(world, PATH(world.runId))).messages).toEqual(['out: 1\n', 'err: 2\n']);
});

test('bytes that are not UTF-8 become U+FFFD, and characters that chunks cut stay whole', async () => {
  const bytes = Buffer.from('é\n');
  await using world = await archived([
    chunk(bytes.subarray(0, 1)),
    chunk(bytes.subarray(1)),
    chunk(Buffer.from([0xff, 0x0a])),
  ]);
  expect((await listen(world, PATH(world.runId))).messages).toEqual(['é\n', '\ufffd\n']);
});

test('an endless line comes in pieces of a bounded length', async () => {
  const text = 'x'.repeat(2_500_000);
  await using world = await archived([chunk(text.slice(0, 900_000)), chunk(text.slice(900_000)), chunk('\nend\n')]);
  const { messages } = await listen(world, PATH(world.runId));
  expect(messages.join('')).toBe(`${text}\nend\n`);
  expect(messages.map(({ length }) => length)).toEqual([1_048_576, 1_048_576, 402_849, 4]);
});

test.each([
  ['tail=2', ['3\n', '4\n']],
  ['tail=0', []],
  ['tail=99', ['1\n', '2\n', '3\n', '4\n']],
  [`since=${NOON + 2}`, ['3\n', '4\n']],
  [`since=${NOON + 1}&tail=2&timestamps=true`, ['2027-01-15T08:00:00.002Z 3\n', '2027-01-15T08:00:00.003Z 4\n']],
])('options of an archived log: %s', async (query, expected) => {
  await using world = await archived([1, 2, 3, 4].map((n) => chunk(`${n}\n`, NOON + n - 1)));
  expect((await listen(world, `${PATH(world.runId)}?${query}`)).messages).toEqual(expected);
});

test.each([
  ['removed', 'The log was removed.'],
  ['expired', 'The log has expired.'],
  ['none', 'There is no log: the task never ran, or its engine did not keep it.'],
] as const)('a log that is %s is closed with 1008 and says so', async (logs, reason) => {
  await using world = await aRun((runId) => aCompleteTask(runId, { logs }));
  expect(await listen(world, PATH(world.runId))).toMatchObject({ status: 101, code: 1008, reason, messages: [] });
});

test('a task that printed nothing has an empty log', async () => {
  await using world = await aRun((runId) => aCompleteTask(runId, { logs: 'empty' }));
  expect(await listen(world, PATH(world.runId))).toMatchObject({ code: 1000, messages: [] });
});

test('a task that was skipped has no log', async () => {
  await using world = await aRun((runId) => aCompleteTask(runId, { logs: 'none', past: [], status: 'skipped' }));
  expect(await listen(world, PATH(world.runId))).toMatchObject({ code: 1008, reason: /never started/ as never });
});

test('an unknown task is closed with 1001', async () => {
  await using world = await aRun();
  expect(await listen(world, `${PIPELINE}/runs/77/tasks/build/logs`)).toMatchObject({
    code: 1001,
    reason: 'Not Found',
  });
  expect(await listen(world, `${PIPELINE}/runs/${world.runId}/tasks/other/logs`)).toMatchObject({ code: 1001 });
});

test('a task that waits is refused with 1008, or waited for', async () => {
  await using world = await aRun();
  const { runId, engine } = world;
  expect(await listen(world, PATH(runId))).toMatchObject({ code: 1008, reason: 'The task has not started yet.' });
  const talk = listen(world, `${PATH(runId)}?wait=true`);
  await eventually(() => expect(world.app.websocketServer.clients.size).toBe(1));
  engine.break('not_found');
  await putTask(world.state, aRunningTask(runId, 1, 'processing'));
  await eventually(() => expect(engine.asked).toBeGreaterThan(0));
  engine.break(null);
  engine.say(chunk('hello\n'));
  await putTask(world.state, aRunningTask(runId));
  engine.end();
  await putTask(world.state, aCompleteTask(runId, { logs: 'engine' }));
  expect(await talk).toMatchObject({ messages: ['hello\n'], code: 1000 });
});

test('a task whose run ends before it started ends the wait', async () => {
  await using world = await aRun();
  const talk = listen(world, `${PATH(world.runId)}?wait=true`);
  await eventually(() => expect(world.app.websocketServer.clients.size).toBe(1));
  await endRun(world, world.runId, 'cancelled');
  expect(await talk).toMatchObject({ code: 1008 });
});

test('following: lines arrive while the task runs, and the stream ends with the task', async () => {
  await using world = await aRun((runId) => aRunningTask(runId));
  const { engine, runId } = world;
  const lines: string[] = [];
  const talk = listen(world, PATH(runId), (_socket, text) => lines.push(text));
  engine.say(chunk('one\nun'));
  await eventually(() => expect(lines).toEqual(['one\n']));
  engine.say(chunk('finished'));
  engine.end();
  await eventually(() => expect(lines).toEqual(['one\n', 'unfinished']));
  await putTask(world.state, aCompleteTask(runId, { logs: 'engine' }));
  expect(await talk).toMatchObject({ code: 1000, messages: ['one\n', 'unfinished'] });
});

test('following with a tail: the last lines, then what comes', async () => {
  await using world = await aRun((runId) => aRunningTask(runId));
  const { engine, runId } = world;
  engine.say(chunk('1\n2\n3\npart'));
  const lines: string[] = [];
  const talk = listen(world, `${PATH(runId)}?tail=1`, (_socket, text) => lines.push(text));
  await eventually(() => expect(lines).toEqual(['3\n']));
  engine.say(chunk(' whole\n'));
  engine.end();
  await putTask(world.state, aCompleteTask(runId));
  expect((await talk).messages).toEqual(['3\n', 'part whole\n']);
});

test('not following: what is there now, then the end', async () => {
  await using world = await aRun((runId) => aRunningTask(runId));
  world.engine.say(chunk('1\n2\n'));
  expect(await listen(world, `${PATH(world.runId)}?follow=false`)).toMatchObject({
    code: 1000,
    messages: ['1\n', '2\n'],
  });
});

test('a retry: following goes on with the next attempt, and one attempt can be asked for', async () => {
  await using world = await aRun((runId) => aRunningTask(runId));
  const { engine, runId } = world;
  engine.say(chunk('first\n'));
  engine.end();
  const lines: string[] = [];
  const talk = listen(world, PATH(runId), (_socket, text) => lines.push(text));
  await eventually(() => expect(lines).toEqual(['first\n']));
  await putTask(world.state, aRunningTask(runId, 2));
  await eventually(() => expect(lines).toEqual(['first\n', 'first\n']));
  await putTask(world.state, aCompleteTask(runId, { past: [aPast(1), aPast(2)] }));
  expect((await talk).code).toBe(1000);
  await writeArchive(world.deps.objects, archiveName({ ...aCompleteTask(runId), attempt: 1 }), each([chunk('old\n')]));
  expect((await listen(world, `${PATH(runId)}?attempt=1`)).messages).toEqual(['old\n']);
  expect(await listen(world, `${PATH(runId)}?attempt=3`)).toMatchObject({ code: 1008 });
});

test('an engine that is away for a while delays the log and loses none of it', async () => {
  await using world = await aRun((runId) => aRunningTask(runId));
  const { engine, runId } = world;
  const lines: string[] = [];
  const talk = listen(world, PATH(runId), (_socket, text) => lines.push(text));
  engine.say(chunk('one\n'));
  await eventually(() => expect(lines).toEqual(['one\n']));
  engine.break('unavailable');
  engine.say(chunk('two\n'));
  await eventually(() => expect(engine.asked).toBeGreaterThan(1));
  engine.break(null);
  engine.end();
  await putTask(world.state, aCompleteTask(runId));
  expect((await talk).messages).toEqual(['one\n', 'two\n']);
});

test('a log that is archived while it is read goes on in the archive where it stopped', async () => {
  await using world = await aRun((runId) => aRunningTask(runId));
  const { engine, runId } = world;
  const lines: string[] = [];
  const talk = listen(world, PATH(runId), (_socket, text) => lines.push(text));
  engine.say(chunk('one\ntw'));
  await eventually(() => expect(lines).toEqual(['one\n']));
  await writeArchive(
    world.deps.objects,
    archiveName({ ...aCompleteTask(runId), attempt: 1 }),
    each([chunk('one\ntwo\nthree\n')]),
  );
  await putTask(world.state, aCompleteTask(runId));
  engine.break('not_found');
  expect((await talk).messages).toEqual(['one\n', 'two\n', 'three\n']);
});

test('a log that the engine lets go of while it is read is not cut short', async () => {
  await using world = await aRun((runId) => aRunningTask(runId));
  const { engine, runId } = world;
  const talk = listen(world, PATH(runId));
  await eventually(() => expect(engine.asked).toBe(1));
  const name = archiveName({ ...aCompleteTask(runId), attempt: 1 });
  await writeArchive(world.deps.objects, name, each([chunk('all of it\n')]));
  await putTask(world.state, aCompleteTask(runId));
  engine.forget();
  expect(await talk).toMatchObject({ code: 1000, messages: ['all of it\n'] });
});

test('a result that a retried run took over has the log of where it ran', async () => {
  await using world = await archived([chunk('from before\n')]);
  const next = await startedRun(world);
  await putTask(world.state, aCompleteTask(next, { carriedFrom: world.runId, logs: 'none', past: [] }));
  expect((await listen(world, PATH(next))).messages).toEqual(['from before\n']);
});

test('removal: only when the task is complete; repeatable; the bytes are gone', async () => {
  await using running = await aRun((runId) => aRunningTask(runId));
  expect(await running.call(`DELETE ${PATH(running.runId)}`)).toMatchObject({ status: 400 });
  await using world = await archived([chunk('secret\n')]);
  expect([...world.blobs.keys()].filter((name) => name.startsWith('logs/'))).toHaveLength(1);
  expect(await world.call(`DELETE ${PATH(world.runId)}`)).toMatchObject({ status: 204 });
  expect(await world.call(`DELETE ${PATH(world.runId)}`)).toMatchObject({ status: 204 });
  expect([...world.blobs.keys()].filter((name) => name.startsWith('logs/'))).toEqual([]);
  expect(await listen(world, PATH(world.runId))).toMatchObject({ code: 1008, reason: 'The log was removed.' });
  const shown = await world.call(`GET ${PIPELINE}/runs/${world.runId}/tasks/build`);
  expect(shown.body).toMatchObject({ task_execution: { logs_removed: true } });
  expect(await world.call(`DELETE ${PIPELINE}/runs/77/tasks/build/logs`)).toMatchObject({ status: 404 });
});

test('attach: refused with 1008 when the task does not run', async () => {
  await using world = await aRun();
  const path = `${PIPELINE}/runs/${world.runId}/tasks/build/attach`;
  expect(await listen(world, `${path}?command=sh`)).toMatchObject({
    code: 1008,
    reason: 'The task is waiting, not running.',
  });
  expect(await listen(world, path)).toMatchObject({ status: 400 });
});
