// The parts of following a run: what is waited for, and how much is done at once.

import { describe, expect, test } from 'vitest';
import { createContext } from '../../../../cmd/cli/context.ts';
import { followRun } from '../../../../cmd/cli/follow/follow-run.ts';
import { createTurns } from '../../../../cmd/cli/follow/turns.ts';
import { watchRun } from '../../../../cmd/cli/follow/watch-run.ts';
import type { Client } from '../../../../sdk/client/client.ts';
import { UnreachableError } from '../../../../sdk/client/errors.ts';
import { createPatience } from '../../../../sdk/client/patience.ts';

const never = new AbortController().signal;
const OF = { namespaceId: 'default', pipelineId: 'hello', runId: 1, taskId: 'say', signal: never };
const away = () => new UnreachableError('http://nowhere', new Error('refused'));

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

test.each([
  {
    // Rounding puts the end of a body of a millisecond behind the beginning of the next one.
    what: 'by their times it began before the other had ended',
    build: [{ started: 100, ended: 103 }],
    after: [{ started: 99, ended: 104 }],
  },
  {
    what: 'it was seen before it had started',
    build: [
      { started: 100, ended: 103 },
      { started: 100, ended: 103 },
    ],
    after: [{ state: 'processing' }, { started: 105, ended: 107 }],
  },
])(
  'follow: the lines of a task come after those of the tasks that it follows, when $what',
  async ({ build, after }) => {
    const task = (id: string, { parents = {}, started = 0, ended = 0, state = 'complete' }) =>
      ({
        task_id: id,
        state,
        status: 'successful',
        attempt: 1,
        started,
        ended,
        task: { depends_on: parents },
      }) as never;
    const looks = after.map((seen, index) => [
      task('test', { ...seen, parents: { build: 'Success' } }),
      task('build', build[index] ?? {}),
    ]);
    const client: Partial<Client> = {
      getRun: async () =>
        ({ run: { state: looks.length > 1 ? 'running' : 'complete', status: 'successful' } }) as never,
      listTaskExecutions: async () => ({ task_executions: looks.shift() ?? [] }),
      getLogs: async function* ({ taskId }) {
        if (taskId === 'build') await new Promise((resolve) => setTimeout(resolve, 20));
        yield `${taskId}\n`;
      },
    };
    const lines: string[] = [];
    const context = createContext({
      ...{ client: client as Client, singleTry: client as Client, signal: never, now: () => 0 },
      settings: { namespace: 'default', outputFormat: 'json' } as never,
      terminal: { out: (text: string) => lines.push(text), drained: async () => undefined } as never,
    });
    expect(await followRun(context, { pipelineId: 'hello', runId: 1 })).toBe(0);
    const logs = lines.flatMap(
      (line) => (JSON.parse(line) as { readonly log?: { readonly line: string } }).log?.line ?? [],
    );
    expect(logs).toEqual(['build\n', 'test\n']);
  },
);
