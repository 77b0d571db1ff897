// The parts of following a run and its logs: what is shown again after a break, what is waited for, and how much at once.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { followLog } from '../../../../cmd/cli/follow/follow-log.ts';
import { createLineMemory } from '../../../../cmd/cli/follow/line-memory.ts';
import { createPatience } from '../../../../cmd/cli/follow/patience.ts';
import { createTurns } from '../../../../cmd/cli/follow/turns.ts';
import { watchRun } from '../../../../cmd/cli/follow/watch-run.ts';
import type { Client } from '../../../../sdk/client/client.ts';
import { ApiError, StreamClosedError, UnreachableError } from '../../../../sdk/client/errors.ts';
import type { LogStreamOptions } from '../../../../sdk/client/streams.ts';

const never = new AbortController().signal;
const OF = { namespaceId: 'default', pipelineId: 'hello', runId: 1, taskId: 'say', signal: never };
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
  function aClient(...readings: readonly { readonly lines: readonly string[]; readonly error?: Error }[]) {
    const asked: LogStreamOptions[] = [];
    const getLogs = async function* (options: LogStreamOptions) {
      const { lines, error } = readings[asked.length] ?? { lines: [] };
      asked.push(options);
      yield* lines;
      if (error !== undefined) throw error;
    };
    return { client: { getLogs } as Partial<Client> as Client, asked };
  }

  async function read(client: Client, options: Partial<LogStreamOptions> = {}): Promise<readonly string[]> {
    const patience = createPatience({ signal: never, now: () => 1_000_000 });
    const lines: string[] = [];
    const reader = { client, patience, now: () => 1_000_000 };
    for await (const line of followLog(reader, { ...OF, ...options, signal: never })) lines.push(line);
    return lines;
  }

  test('log: after a break it goes on behind what was shown', async () => {
    const { client } = aClient(
      { lines: ['a\n', 'a\n'], error: new StreamClosedError(1006, '') },
      { lines: [], error: away() },
      { lines: ['a\n', 'a\n', 'a\n', 'b\n'] },
    );
    expect(await read(client)).toEqual(['a\n', 'a\n', 'a\n', 'b\n']);
  });

  test('log: a line that a stopping server cut is shown once, and whole', async () => {
    const { client } = aClient(
      { lines: ['a\n', 'hel'], error: new StreamClosedError(1011, 'The server is stopping') },
      { lines: ['a\n', 'hello\n', 'end'] },
    );
    expect(await read(client)).toEqual(['a\n', 'hello\n', 'end']);
  });

  test('log: times in front do not make a line another one', async () => {
    const { client } = aClient(
      { lines: ['2025-11-21T08:45:00.000Z a\n'], error: new StreamClosedError(1006, '') },
      { lines: ['2025-11-21T08:45:00.040Z a\n', '2025-11-21T08:45:00.040Z b\n'] },
    );
    const shown = await read(client, { timestamps: true });
    expect(shown.map((line) => line.slice(25))).toEqual(['a\n', 'b\n']);
  });

  test('log: of the last lines only, the later ones are found again by their time', async () => {
    const { client, asked } = aClient(
      { lines: ['y\n', 'z\n'], error: new StreamClosedError(1006, '') },
      { lines: ['z\n', 'more\n'] },
    );
    expect(await read(client, { tail: 2 })).toEqual(['y\n', 'z\n', 'more\n']);
    expect(asked[1]).toMatchObject({ since: 940_000 });
    expect(asked[1]).not.toHaveProperty('tail');
  });

  test('log: a refusal is thrown at once', async () => {
    const refusal = new StreamClosedError(1008, 'The log was removed.');
    const { client, asked } = aClient({ lines: [], error: refusal });
    await expect(read(client)).rejects.toBe(refusal);
    expect(asked).toHaveLength(1);
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

  test('patience: Ctrl-C ends it', async () => {
    const controller = new AbortController();
    const bearing = createPatience({ signal: controller.signal, now: () => 0 }).bear(away());
    controller.abort();
    await expect(bearing).rejects.toThrow(/abort/);
  });
});

test('turns: at most so many at once, in order, and a failure gives its turn on', async () => {
  const turns = createTurns(2);
  const log: string[] = [];
  let active = 0;
  const work = (name: string) =>
    turns.take(async () => {
      active += 1;
      log.push(`${name} with ${active}`);
      await Promise.resolve();
      active -= 1;
      if (name === 'b') throw new Error('b failed');
    });
  const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map(work));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(log.map((entry) => entry[0])).toEqual(['a', 'b', 'c', 'd']);
  expect(Math.max(...log.map((entry) => Number(entry.at(-1))))).toBe(2);
});

describe('watching a run', () => {
  interface World {
    readonly states: readonly (string | Error)[];
    readonly eventId?: string | null;
  }

  /** Each look finds the next state; events never come. */
  function aClient({ states, eventId = null }: World) {
    let looks = 0;
    const streamed: unknown[] = [];
    const client: Partial<Client> = {
      getRun: async () => {
        const state = states[Math.min(looks, states.length - 1)] ?? 'complete';
        looks += 1;
        if (state instanceof Error) throw state;
        return { run: { state, event_id: eventId, namespace_id: 'default', pipeline_id: 'hello', run_id: 1 } } as never;
      },
      listTaskExecutions: async () => ({ task_executions: [] }),
      streamEvents: async function* (options) {
        streamed.push(options);
        yield { id: 'event', emitted: 0, kind: {} };
        await new Promise((resolve) => options?.signal?.addEventListener('abort', resolve));
      },
    };
    return { client: client as Client, streamed, looks: () => looks };
  }

  async function watch(client: Client, isKnown = false): Promise<readonly string[]> {
    const seen: string[] = [];
    const watcher = {
      client,
      patience: createPatience({ signal: never, now: () => 0 }),
      now: () => 0,
      signal: never,
      isKnown,
    };
    for await (const { run } of watchRun(watcher, OF)) seen.push(run.state);
    return seen;
  }

  test('watch: a run that is over is looked at once', async () => {
    const { client, looks } = aClient({ states: ['complete'] });
    expect([await watch(client), looks()]).toEqual([['complete'], 1]);
  });

  test('watch: without events it is looked at again and again, also after a break', async () => {
    const { client } = aClient({ states: ['pending', away(), 'running', 'complete'] });
    expect(await watch(client)).toEqual(['pending', 'running', 'complete']);
  });

  test('watch: a server that never answered is not waited for, unless the run was started by it', async () => {
    const error = away();
    await expect(watch(aClient({ states: [error, 'complete'] }).client)).rejects.toBe(error);
    expect(await watch(aClient({ states: [error, 'complete'] }).client, true)).toEqual(['complete']);
  });

  test('watch: events are asked for from the run’s own on, and end with it', async () => {
    const { client, streamed } = aClient({ states: ['pending', 'complete'], eventId: 'queued' });
    expect(await watch(client)).toEqual(['pending', 'complete']);
    expect(streamed).toEqual([expect.objectContaining({ after: 'queued', runId: 1, pipelineId: 'hello' })]);
  });
});
