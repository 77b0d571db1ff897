// Logs and commands of tasks whose engine only another node reaches.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EngineHolder } from '../../../cluster/peers/options.ts';
import type { StreamChunk, StreamSession, TaskStreams } from '../../../cluster/peers/task-streams.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { ChildScript } from '../../child-script.ts';
import { eventually } from '../../eventually.ts';
import { endlessLog, lineOf, noTasks } from './peers-parts.ts';
import { aPeer, aPeerProcess, peerScript } from './peers-world.ts';
import type { TestPeer } from './peers-world.ts';

let script: ChildScript;
beforeAll(async () => {
  script = await peerScript();
});
afterAll(() => script[Symbol.asyncDispose]());

const ENGINE = 'the engine';
const ID = 'default_hello_7_say-hello_1' as AttemptId;
const NEVER = new AbortController().signal;
const QUICK = { takeOverMs: 500, connectMs: 500, keepAliveMs: 200, keepAliveTimeoutMs: 200 };

const holder = ({ target }: Pick<TestPeer, 'target'>, engineIdentity = ENGINE): EngineHolder => ({
  ...target,
  engineIdentity,
});

async function anEngineNode(tasks: Partial<TaskStreams>, name = 'b'): Promise<TestPeer> {
  return aPeer(name, { serve: { identity: ENGINE, tasks: { ...noTasks(), ...tasks } } });
}

/** Streams as a node sees them that does not reach the engine itself. */
async function streamsOf(...members: readonly EngineHolder[]): Promise<TaskStreams> {
  return (await aPeer('a', { timings: QUICK })).taskStreams({ engine: () => ENGINE, members: () => members });
}

async function textOf(chunks: AsyncIterable<StreamChunk>, stream: StreamChunk['stream'] = 'stdout'): Promise<string> {
  let text = '';
  for await (const chunk of chunks) if (chunk.stream === stream) text += Buffer.from(chunk.bytes).toString();
  return text;
}

function chunk(text: string | Buffer, stream: StreamChunk['stream'] = 'stdout'): StreamChunk {
  return { stream, at: 1_700_000_000_000, bytes: Buffer.from(text) };
}

test('a log comes through another node as it is: streams, times, bytes, and where to begin', async () => {
  const asked: unknown[] = [];
  const b = await anEngineNode({
    async *logs(id, { from, follow }) {
      asked.push({ id, from, follow });
      yield chunk('out');
      yield chunk(Buffer.from([0, 255, 254]), 'stderr');
    },
  });
  const streams = await streamsOf(holder(b));
  const chunks = [];
  const from = { stdout: 3, stderr: 4 };
  for await (const each of streams.logs(ID, { from, follow: true, signal: NEVER })) chunks.push(each);
  expect(chunks).toEqual([chunk('out'), chunk(Buffer.from([0, 255, 254]), 'stderr')]);
  expect(asked).toEqual([{ id: ID, from, follow: true }]);
});

test('a node with the right engine asks nobody', async () => {
  const a = await anEngineNode({
    async *logs() {
      yield chunk('mine');
    },
  });
  const streams = a.taskStreams({ engine: () => ENGINE, members: () => [] });
  expect(await textOf(streams.logs(ID, { follow: false, signal: NEVER }))).toBe('mine');
  const unknown = a.taskStreams({ engine: () => null, members: () => [] });
  expect(await textOf(unknown.logs(ID, { follow: false, signal: NEVER }))).toBe('mine');
});

test('what the engine says of an attempt is said by the other node', async () => {
  const streams = await streamsOf(holder(await anEngineNode({})));
  await expect(textOf(streams.logs(ID, { follow: false, signal: NEVER }))).rejects.toMatchObject({
    code: 'not_found',
    message: 'No such attempt.',
  });
  const exec = streams.exec(ID, { command: ['ls'], terminal: null, signal: NEVER });
  await expect(exec).rejects.toMatchObject({ code: 'conflict', message: 'The body does not run.' });
});

test('a fault of the other node is told without its words, and logged there', async () => {
  const b = await anEngineNode({
    async *logs() {
      throw new TypeError('secret detail');
    },
  });
  const streams = await streamsOf(holder(b));
  const failure = expect(textOf(streams.logs(ID, { follow: false, signal: NEVER }))).rejects;
  await failure.toMatchObject({ code: 'internal', message: expect.not.stringContaining('secret') as string });
  expect(b.lines.at(-1)?.fields).toEqual({ why: 'secret detail' });
});

test('a member whose engine has become another one is passed over', async () => {
  const wrong = await aPeer('wrong', { serve: { identity: 'another engine', tasks: noTasks() } });
  const right = await anEngineNode({
    async *logs() {
      yield chunk('here');
    },
  });
  const streams = await streamsOf(holder(wrong), holder(right));
  for (let round = 0; round < 4; round += 1) {
    expect(await textOf(streams.logs(ID, { follow: false, signal: NEVER }))).toBe('here');
  }
});

test('without a member that reaches the engine it is unavailable, after a while and not at once', async () => {
  const streams = await streamsOf();
  const begun = performance.now();
  const failure = { code: 'unavailable', message: 'No node that reaches the engine of this task answers.' };
  await expect(textOf(streams.logs(ID, { follow: false, signal: NEVER }))).rejects.toMatchObject(failure);
  expect(performance.now() - begun).toBeGreaterThan(QUICK.takeOverMs - 50);
  await expect(streams.exec(ID, { command: [], terminal: null, signal: NEVER })).rejects.toMatchObject(failure);
});

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'a log goes on through the next node after %s, without a gap and without a double',
  async (name) => {
    const [first, second] = [await aPeerProcess(script, 'b', ENGINE), await aPeerProcess(script, 'c', ENGINE)];
    const members = [holder(first)];
    const a = await aPeer('a', { timings: { ...QUICK, takeOverMs: 10_000 } });
    const streams = a.taskStreams({ engine: () => ENGINE, members: () => members });
    const leaving = new AbortController();
    const seen = { stdout: '', stderr: '' };
    for await (const { stream, bytes } of streams.logs(ID, { follow: true, signal: leaving.signal })) {
      seen[stream] += Buffer.from(bytes).toString();
      if (seen.stdout.length > 2_000 && members.length === 1) {
        first.script.process.kill(name);
        members.push(holder(second));
      }
      if (seen.stdout.length > 5_000) leaving.abort();
    }
    const expected = (length: number) => {
      let text = '';
      for (let line = 0; text.length < length; line += 1) text += lineOf(line);
      return text.slice(0, length);
    };
    expect(seen.stdout).toBe(expected(seen.stdout.length));
    expect(seen.stderr).toBe(expected(seen.stderr.length));
  },
);

test('a reader that is slow slows the engine down: little is kept on the way', async () => {
  let taken = 0;
  const size = 64 * 1024;
  const b = await anEngineNode({
    async *logs(_id, { signal }) {
      for (; !signal.aborted && taken < 2_000; taken += 1) yield chunk(Buffer.alloc(size, 'x'));
    },
  });
  const streams = await streamsOf(holder(b));
  const reader = streams.logs(ID, { follow: true, signal: NEVER })[Symbol.asyncIterator]();
  await reader.next();
  let before = -1;
  await eventually(() => {
    const rests = taken === before;
    before = taken;
    expect(rests).toBe(true);
  });
  // Buffers of the two streams and of the kernel between: megabytes, where the log has 125.
  expect(taken * size).toBeLessThan(24 * 1024 * 1024);
  await reader.return?.();
});

test.each(['abort', 'leave'] as const)('the engine is let go when the reader goes away: %s', async (how) => {
  let reading = 0;
  const endless = endlessLog();
  const b = await anEngineNode({
    async *logs(id, options) {
      reading += 1;
      try {
        yield* endless(id, options);
      } finally {
        reading -= 1;
      }
    },
  });
  const streams = await streamsOf(holder(b));
  const leaving = new AbortController();
  for await (const _ of streams.logs(ID, { follow: true, signal: leaving.signal })) {
    expect(reading).toBe(1);
    if (how === 'leave') break;
    leaving.abort();
  }
  await eventually(() => expect(reading).toBe(0));
});

/** A command that repeats its input in capitals until it reads `exit`. */
function aShell() {
  const waiting: Buffer[] = [];
  const said: unknown[] = [];
  let wake: () => void = () => undefined;
  let closed = false;
  const push = (bytes: Buffer) => {
    waiting.push(bytes);
    wake();
  };
  const session: StreamSession = {
    output: (async function* () {
      while (!closed) {
        const bytes = waiting.shift();
        if (bytes?.toString() === 'exit') return;
        if (bytes !== undefined) yield chunk(bytes.toString().toUpperCase());
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    })(),
    write: async (bytes) => push(Buffer.from(bytes)),
    resize: async (size) => void said.push(size),
    exitCode: Promise.resolve(3),
    close: async () => {
      closed = true;
      wake();
    },
  };
  const exec: TaskStreams['exec'] = async (id, { command, terminal }) => {
    said.push({ id, command, terminal });
    return session;
  };
  return { exec, said, isClosed: () => closed };
}

const TERMINAL = { columns: 80, rows: 24 };

test('a command runs on the other node: input, sizes, output and exit code', async () => {
  const shell = aShell();
  const streams = await streamsOf(holder(await anEngineNode({ exec: shell.exec })));
  const session = await streams.exec(ID, { command: ['sh', '-c', 'x'], terminal: TERMINAL, signal: NEVER });
  const output = session.output[Symbol.asyncIterator]();
  await session.resize({ columns: 100, rows: 50 });
  await session.write(Buffer.from('one'));
  expect(Buffer.from(((await output.next()).value as StreamChunk).bytes).toString()).toBe('ONE');
  await session.write(Buffer.from('exit'));
  expect((await output.next()).done).toBe(true);
  expect(await session.exitCode).toBe(3);
  await session.close();
  await session.write(Buffer.from('too late'));
  expect(shell.said).toEqual([
    { id: ID, command: ['sh', '-c', 'x'], terminal: TERMINAL },
    { columns: 100, rows: 50 },
  ]);
  await eventually(() => expect(shell.isClosed()).toBe(true));
});

test.each(['abort', 'close'] as const)('the command ends when its reader goes away: %s', async (how) => {
  const shell = aShell();
  const streams = await streamsOf(holder(await anEngineNode({ exec: shell.exec })));
  const leaving = new AbortController();
  const session = await streams.exec(ID, { command: ['sh'], terminal: null, signal: leaving.signal });
  if (how === 'abort') leaving.abort();
  else await session.close();
  await eventually(() => expect(shell.isClosed()).toBe(true));
  expect(await session.exitCode).toBeNull();
});

test('a command whose node goes away ends as unavailable, and is not begun again', async () => {
  const [first, second] = [aShell(), aShell()];
  const b = await anEngineNode({ exec: first.exec }, 'b');
  const members = [holder(b)];
  const streams = (await aPeer('a', { timings: QUICK })).taskStreams({ engine: () => ENGINE, members: () => members });
  const session = await streams.exec(ID, { command: ['sh'], terminal: null, signal: NEVER });
  members.push(holder(await anEngineNode({ exec: second.exec }, 'c')));
  await b.close();
  await expect(textOf(session.output)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await session.exitCode).toBeNull();
  expect(second.said).toEqual([]);
});

test('an id that is none is refused before the engine is asked', async () => {
  const streams = await streamsOf(holder(await anEngineNode({ logs: endlessLog() })));
  const logs = textOf(streams.logs('../../etc/passwd' as AttemptId, { follow: false, signal: NEVER }));
  await expect(logs).rejects.toMatchObject({ code: 'invalid' });
});
