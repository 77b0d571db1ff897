// What readers of streams bear, and where a log goes on after a break.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { ApiError, StreamClosedError, UnreachableError } from '../../../sdk/client/errors.ts';
import { createLineMemory } from '../../../sdk/client/line-memory.ts';
import { createPatience } from '../../../sdk/client/patience.ts';
import { resumedLog } from '../../../sdk/client/resumed-log.ts';
import type { LogStreamOptions } from '../../../sdk/client/stream-options.ts';

const never = new AbortController().signal;
const OF = { namespaceId: 'default', pipelineId: 'hello', runId: 1, taskId: 'say' };
const away = () => new UnreachableError('http://nowhere', new Error('refused'));

describe('lines shown already', () => {
  test('memory: however the two streams are woven together again, each line is shown once', () => {
    const log = fc.record({
      out: fc.array(fc.constantFrom('a\n', 'b\n', 'same\n'), { maxLength: 30 }),
      err: fc.array(fc.constantFrom('x\n', 'same\n', `${'long '.repeat(30)}\n`), { maxLength: 30 }),
      weavings: fc.array(fc.infiniteStream(fc.boolean()), { minLength: 1, maxLength: 4 }),
      breaks: fc.array(fc.nat(60), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(log, ({ out, err, weavings, breaks }) => {
        const memory = createLineMemory();
        const shown: string[] = [];
        const readings = [...weavings.slice(1).map((weaving, index) => ({ weaving, end: breaks[index] ?? 0 }))];
        for (const { weaving, end } of [...readings, { weaving: weavings[0], end: Infinity }]) {
          memory.restart();
          for (const line of woven({ out, err }, weaving).slice(0, end)) if (memory.isNew(line)) shown.push(line);
        }
        expect(shown.sort()).toEqual([...out, ...err].sort());
      }),
    );
  });

  test('memory: what lies before the window is skipped by its number', () => {
    const memory = createLineMemory(3);
    const log = Array.from({ length: 10 }, (_, index) => `line ${index}\n`);
    for (const line of log) expect(memory.isNew(line)).toBe(true);
    memory.restart();
    expect([...log, 'line 10\n'].filter((line) => memory.isNew(line))).toEqual(['line 10\n']);
  });
});

function woven(
  { out, err }: { readonly out: readonly string[]; readonly err: readonly string[] },
  weaving?: Iterator<boolean>,
) {
  const queues = [[...out], [...err]];
  const lines: string[] = [];
  while (queues.some((queue) => queue.length > 0)) {
    const [first = [], second = []] = weaving?.next().value === true ? queues : queues.toReversed();
    lines.push(first.shift() ?? second.shift() ?? '');
  }
  return lines;
}

describe('the log of an attempt', () => {
  /** Answers one reading after the other: its lines, then how it ends. */
  function aServer(...readings: readonly { readonly lines: readonly string[]; readonly error?: Error }[]) {
    const asked: LogStreamOptions[] = [];
    const open = async (options: LogStreamOptions) => {
      const { lines, error } = readings[asked.length] ?? { lines: [] };
      asked.push(options);
      return (async function* () {
        yield* lines;
        if (error !== undefined) throw error;
      })();
    };
    return { open, asked };
  }

  async function read(
    { open }: Pick<ReturnType<typeof aServer>, 'open'>,
    options: Partial<LogStreamOptions> = {},
    newest = 4,
  ): Promise<readonly string[]> {
    const lines: string[] = [];
    const reader = { open, newestAttempt: async () => newest, now: () => 1_000_000 };
    for await (const line of resumedLog(reader, { ...OF, ...options })) lines.push(line);
    return lines;
  }

  test('log: after a break it goes on behind what was shown', async () => {
    const server = aServer(
      { lines: ['a\n', 'a\n'], error: new StreamClosedError(1006, '') },
      { lines: [], error: away() },
      { lines: ['a\n', 'a\n', 'a\n', 'b\n'] },
    );
    expect(await read(server)).toEqual(['a\n', 'a\n', 'a\n', 'b\n']);
  });

  test('log: a line that a stopping server cut is shown once, and whole', async () => {
    const server = aServer(
      { lines: ['a\n', 'hel'], error: new StreamClosedError(1011, 'The server is stopping') },
      { lines: ['a\n', 'hello\n', 'end'] },
    );
    expect(await read(server)).toEqual(['a\n', 'hello\n', 'end']);
  });

  test('log: times in front do not make a line another one', async () => {
    const server = aServer(
      { lines: ['2025-11-21T08:45:00.000Z a\n'], error: new StreamClosedError(1006, '') },
      { lines: ['2025-11-21T08:45:00.040Z a\n', '2025-11-21T08:45:00.040Z b\n'] },
    );
    const shown = await read(server, { timestamps: true });
    expect(shown.map((line) => line.slice(25))).toEqual(['a\n', 'b\n']);
  });

  test('log: of the last lines only, the later ones are found again by their time', async () => {
    const server = aServer(
      { lines: ['y\n', 'z\n'], error: new StreamClosedError(1006, '') },
      { lines: ['z\n', 'more\n'] },
    );
    expect(await read(server, { tail: 2 })).toEqual(['y\n', 'z\n', 'more\n']);
    expect(server.asked[1]).toMatchObject({ since: 940_000 });
    expect(server.asked[1]).not.toHaveProperty('tail');
  });

  test('log: the newest attempt stays the one that is read, though another one begins meanwhile', async () => {
    const server = aServer({ lines: [], error: new StreamClosedError(1006, '') }, { lines: [] }, { lines: [] });
    await read(server);
    expect(server.asked.map(({ attempt }) => attempt)).toEqual([4, 4]);
    await read(server, { wait: true }, 0);
    expect(server.asked[2]).toMatchObject({ attempt: 1, wait: true });
  });

  test('log: a task that has not started is left to the server to refuse', async () => {
    const server = aServer({ lines: [] });
    await read(server, {}, 0);
    expect(server.asked[0]).not.toHaveProperty('attempt');
  });

  test('log: nobody is waited for who never answered', async () => {
    const error = away();
    await expect(read({ open: () => Promise.reject(error) })).rejects.toBe(error);
  });

  test('log: a reader that leaves ends it without an error', async () => {
    const leaving = new AbortController();
    const server = aServer({ lines: ['a\n'], error: new StreamClosedError(1006, '') });
    leaving.abort();
    expect(await read(server, { signal: leaving.signal })).toEqual(['a\n']);
    expect(server.asked).toHaveLength(1);
  });

  test('log: a refusal is thrown at once', async () => {
    const refusal = new StreamClosedError(1008, 'The log was removed.');
    const server = aServer({ lines: [], error: refusal });
    await expect(read(server)).rejects.toBe(refusal);
    expect(server.asked).toHaveLength(1);
  });
});

describe('patience', () => {
  test.each([
    ['a server out of reach', away()],
    ['a broken stream', new StreamClosedError(1006, '')],
    ['a server that stops', new StreamClosedError(1011, 'stopping')],
    ['a server without a leader', new ApiError(503, 'later', '')],
  ])('patience: %s is borne, and told once', async (_, error) => {
    const onTrouble = vi.fn();
    const onRecovery = vi.fn();
    const patience = createPatience({ signal: never, now: () => 0, onTrouble, onRecovery });
    await patience.bear(error);
    await patience.bear(error);
    patience.renew();
    patience.renew();
    expect([onTrouble.mock.calls, onRecovery.mock.calls]).toEqual([[[error]], [[]]]);
  });

  test.each([
    ['a refusal', new StreamClosedError(1008, 'no')],
    ['what is not there', new ApiError(404, 'Not Found', '')],
    ['what is not built', new ApiError(501, 'Not Implemented', '')],
    ['a fault of our own', new TypeError('oops')],
  ])('patience: %s is thrown', async (_, error) => {
    await expect(createPatience({ signal: never, now: () => 0 }).bear(error)).rejects.toBe(error);
  });

  test.each([
    ['out of reach', away()],
    ['behind a load balancer that finds no server', new ApiError(503, 'No node of Gofer is ready', '')],
  ])('patience: it ends after ten minutes %s', async (_, error) => {
    let now = 0;
    const patience = createPatience({ signal: never, now: () => now });
    await patience.bear(error);
    now = 600_000;
    await patience.bear(error);
    now = 600_001;
    await expect(patience.bear(error)).rejects.toBe(error);
  });

  test('patience: a stream that held for a while begins anew, also when nothing came on it', async () => {
    let now = 0;
    const patience = createPatience({ now: () => now });
    await patience.bear(away());
    now = 700_000;
    await patience.bear(away(), 6_000);
  });

  test('patience: Ctrl-C ends it', async () => {
    const controller = new AbortController();
    const bearing = createPatience({ signal: controller.signal, now: () => 0 }).bear(away());
    controller.abort();
    await expect(bearing).rejects.toThrow(/abort/);
  });
});
