// The CLI through the real executable, against a real server: each family of commands as text and as JSON.

import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FAMILIES } from '../../cmd/cli/families.ts';
import { aCliWorld } from './cli-world.ts';
import type { CliWorld } from './cli-world.ts';
import { ROOT } from './real-server.ts';

// Each command is a process of its own, and the machine may have much else to do.
vi.setConfig({ testTimeout: 90_000 });

let world: CliWorld;

beforeAll(async () => {
  world = await aCliWorld();
  await world.pipeline('hello', { 'say-hello': { script: 'echo "hello $WHO"' } });
});

afterAll(() => world[Symbol.asyncDispose]());

interface RunAnswer {
  readonly run: { readonly run_id: number; readonly status: string; readonly state: string };
}

describe('help', () => {
  test('help: every first word that there is, and no other, is in the help of gofer', async () => {
    const help = await world.plain('--help');
    const commands = help.slice(help.indexOf('\nCommands:'), help.indexOf('\nOptions'));
    const listed = [...commands.matchAll(/^ {2}(\S+) {2,}(.+)$/gm)].map(([, name, summary]) => ({ name, summary }));
    const there = FAMILIES.map(({ name, summary }) => ({ name, summary }));
    expect(listed.filter(({ name }) => name !== 'help')).toEqual(there);
  });

  test('help: gofer help, gofer help <command> and --help are the same', async () => {
    expect(await world.plain('help')).toBe(await world.plain('--help'));
    const help = await world.plain('help', 'run', 'start');
    expect(help).toBe(await world.plain('run', 'start', '--help'));
    expect(help).toContain('--variables-file');
    expect(help).toContain('Examples:');
  });

  test('help: exit codes are explained', async () => {
    expect(await world.plain('help', 'exit-codes')).toMatch(/^ {4}7 {2}The run that was followed failed\.$/m);
  });

  test('version: name, version and commit', async () => {
    const manifest = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
      readonly version: string;
    };
    const { version } = manifest;
    expect(await world.plain('--version')).toMatch(new RegExp(`^gofer ${version} \\(\\w+\\)\n$`));
  });
});

describe('up', () => {
  test('up: a TypeScript project is registered and deployed, and nothing is left in its folder', async () => {
    const example = path.join(ROOT, 'sdk', 'examples', 'variables');
    const before = await readdir(example);
    const said = await world.plain('up', example, '--namespace', 'default');
    expect(said).toMatch(/^✓ Registered: \[[\w-]+\] '.+' v1\n✓ Deployed: new runs use v1\n/);
    expect(said).toContain('(hint) start it: gofer run start');
    expect(await readdir(example)).toEqual(before);
  });

  test('up: a program may print as much as it likes to stderr, and its document is what counts', async () => {
    const file = await world.file(
      'loud.js',
      `console.error('working '.repeat(50_000));
       console.log(JSON.stringify({ id: 'loud-one', name: 'Loud', description: null, parallelism: 0, tasks: [] }));`,
    );
    const { pipeline, deployment } = await world.json<{
      readonly pipeline: { readonly config: { readonly version: number; readonly state: string } };
      readonly deployment: unknown;
    }>('up', file, '--no-deploy');
    expect(pipeline.config).toMatchObject({ version: 1, state: 'unreleased' });
    expect(deployment).toBeNull();
  });

  test('up: a dry run prints the document and sends nothing', async () => {
    const file = await world.file(
      'dry.json',
      JSON.stringify({ id: 'dry-one', name: 'Dry', parallelism: 0, tasks: [] }),
    );
    expect(await world.json('up', file, '--dry-run')).toMatchObject({ id: 'dry-one' });
    expect((await world.run(['pipeline', 'get', 'dry-one'])).status).toBe(3);
  });

  test.each([
    {
      what: 'a program that fails',
      files: { 'fails.js': 'console.error("no such table"); process.exit(4)' },
      told: { status: 1, message: /exit code 4.*no such table/s },
    },
    {
      what: 'a program that does not compile',
      files: { 'broken.ts': 'const x: = 3;' },
      told: { status: 1, message: /broken\.ts cannot be compiled/ },
    },
    {
      what: 'a program that prints something else',
      files: { 'chatty.js': 'console.log("hi")' },
      told: { status: 1, message: /Expected one JSON pipeline/ },
    },
    {
      what: 'a config that the server does not take',
      files: { 'bad.json': '{"id":"x","name":"X","parallelism":0,"tasks":[]}' },
      told: { status: 2, message: /id/ },
    },
    {
      what: 'a file of another kind',
      files: { 'readme.md': '# Hi' },
      told: { status: 2, message: /neither a folder nor/ },
    },
  ])('up: $what is told', async ({ files, told }) => {
    for (const [name, text] of Object.entries(files)) {
      const result = await world.run(['up', await world.file(name, text)]);
      expect(result).toEqual({
        status: told.status,
        stdout: '',
        stderr: expect.stringMatching(told.message) as string,
      });
    }
  });
});

test('namespace: created, listed, shown, changed and deleted', async () => {
  expect(await world.plain('namespace', 'create', 'data-team', 'Data team', 'Imports')).toContain('✓');
  expect(await world.plain('namespace', 'list')).toMatch(/^\| data-team \| Data team \| Imports/m);
  await world.plain('namespace', 'update', 'data-team', '--description', 'Exports');
  expect(await world.json('namespace', 'get', 'data-team')).toMatchObject({
    namespace: { id: 'data-team', name: 'Data team', description: 'Exports' },
  });
  expect(await world.plain('namespace', 'get', 'data-team')).toContain('Exports');
  expect(await world.json('pipeline', 'list', '--namespace', 'data-team')).toEqual({ pipelines: [] });
  expect(await world.json('namespace', 'delete', 'data-team')).toEqual({ deleted: { namespace_id: 'data-team' } });
  expect((await world.run(['namespace', 'get', 'data-team'])).status).toBe(3);
});

describe('pipeline', () => {
  test('pipeline: its versions are listed, shown, deployed, and deleted', async () => {
    await world.pipeline('versions', { one: { script: 'true' } });
    await world.pipeline('versions', { one: { script: 'true' }, two: { script: 'true', after: { one: 'Success' } } });
    expect(await world.plain('pipeline', 'config', 'list', 'versions')).toMatch(/^\| [12] +\| (live|deprecated)/m);
    expect(await world.plain('pipeline', 'config', 'get', 'versions')).toContain('• two (only if one succeeds)');
    expect(await world.json('pipeline', 'config', 'get', 'versions', 'v1')).toMatchObject({ config: { version: 1 } });
    expect(await world.plain('pipeline', 'config', 'deploy', 'versions', '1')).toContain('Deployed [versions] v1');
    expect(await world.plain('pipeline', 'deployment', 'list', 'versions')).toContain('| 2 -> 1');
    expect(await world.plain('pipeline', 'deployment', 'get', 'versions', '#3')).toContain('2 -> 1');
    expect(await world.json('pipeline', 'deployment', 'get', 'versions', '3')).toMatchObject({
      deployment: { start_version: 2, end_version: 1 },
    });
    await world.pipeline('versions', { one: { script: 'true' } });
    await world.plain('pipeline', 'config', 'delete', 'versions', '2');
    const { configs } = await world.json<{ readonly configs: readonly unknown[] }>(
      'pipeline',
      'config',
      'list',
      'versions',
    );
    expect(configs).toHaveLength(2);
  });

  test('pipeline: a disabled one refuses runs with the code of a conflict, until it is enabled', async () => {
    await world.pipeline('switch', { one: { script: 'true' } });
    await world.plain('pipeline', 'disable', 'switch');
    expect(await world.run(['run', 'start', 'switch'])).toMatchObject({ status: 5, stdout: '' });
    await world.plain('pipeline', 'enable', 'switch');
    await world.plain('pipeline', 'run', 'switch');
  });

  test('pipeline: listed, shown with its runs, and deleted', async () => {
    await world.pipeline('short-lived', { one: { script: 'true' } });
    await world.endedRun('short-lived');
    expect(await world.plain('pipeline', 'list')).toMatch(/^\| short-lived +\| active +\|/m);
    expect(await world.plain('pipeline', 'get', 'short-lived')).toMatch(/Recent runs\n {4}#1 .*complete · successful/);
    expect(await world.json('pipeline', 'get', 'short-lived')).toMatchObject({ runs: [{ run_id: 1 }] });
    await world.plain('pipeline', 'delete', 'short-lived');
    expect((await world.run(['run', 'list', 'short-lived'])).status).toBe(3);
  });
});

describe('run', () => {
  test('run: variables come from the command line, a file and standard input; the command line wins', async () => {
    await world.pipeline('variables', { show: { script: 'echo "$ONE-$TWO-$THREE"' } });
    const file = await world.file('night.env', '# of the night\nONE=file\nTWO=file=file\n');
    const options = ['--variables-file', file, '-v', 'ONE=line', '--variable', 'THREE=', '--follow'];
    expect(await world.plain('run', 'start', 'variables', ...options)).toBe('show | line-file=file-\n');
    const started = await world.run(
      ['run', 'start', 'variables', '--variables-file', '-', '-f'],
      '{"ONE":"a b","TWO":2}',
    );
    expect(started).toMatchObject({ status: 0, stdout: 'show | a b-2-\n' });
  });

  test('run: one idempotency key starts one run', async () => {
    const start = () => world.json<RunAnswer>('run', 'start', 'hello', '--idempotency-key', 'once');
    expect((await start()).run.run_id).toBe((await start()).run.run_id);
  });

  test('run: listed newest first, in pages, and shown', async () => {
    await world.pipeline('paged', { one: { script: 'true' } });
    for (let count = 0; count < 3; count += 1) await world.endedRun('paged');
    const ids = async (...options: readonly string[]) => {
      const { runs } = await world.json<{ readonly runs: readonly { readonly run_id: number }[] }>(
        'run',
        'list',
        'paged',
        ...options,
      );
      return runs.map((run) => run.run_id);
    };
    expect(await ids()).toEqual([3, 2, 1]);
    expect(await ids('--limit', '1', '--offset', '1')).toEqual([2]);
    expect(await ids('-n')).toEqual([1, 2, 3]);
    expect(await world.plain('run', 'list', 'paged')).toMatch(/^\| 3 +\|.*\| complete \| successful \|/m);
    expect(await world.plain('run', 'get', 'paged', '#2')).toMatch(/^Run #2 of paged v1 :: complete :: successful\n/);
    expect(await world.json('run', 'get', 'paged', '2')).toMatchObject({ run: { run_id: 2 }, task_executions: [{}] });
  });

  test('fetch: shows the same as the command for its place', async () => {
    const runId = await world.endedRun('hello');
    const same: readonly (readonly [fetched: readonly string[], command: readonly string[]])[] = [
      [[], ['pipeline', 'list']],
      [['hello'], ['pipeline', 'get', 'hello']],
      [
        ['hello', '+', '--limit', '1'],
        ['run', 'list', 'hello', '--limit', '1'],
      ],
      [
        ['hello', runId],
        ['run', 'get', 'hello', runId],
      ],
      [
        ['hello', runId, '+'],
        ['task', 'list', 'hello', runId],
      ],
      [
        ['hello', runId, 'say-hello'],
        ['task', 'get', 'hello', runId, 'say-hello'],
      ],
    ];
    for (const [fetched, command] of same) {
      expect(await world.json('fetch', ...fetched)).toEqual(await world.json(...command));
    }
  });
});

describe('task', () => {
  test('task: listed, shown, and its log in every form', async () => {
    await world.pipeline('chatty', { talk: { script: "echo one; echo two; echo three >&2; printf 'end'" } });
    const place = ['chatty', await world.endedRun('chatty')];
    expect(await world.plain('task', 'list', ...place)).toMatch(/^\| talk \|.*\| complete \| successful \|$/m);
    expect(await world.plain('task', 'get', ...place, 'talk')).toMatch(/^Task talk :: complete :: successful\n/);
    const logs = (...options: readonly string[]) => world.plain('task', 'logs', ...place, 'talk', ...options);
    expect((await logs()).split('\n').sort()).toEqual(['end', 'one', 'three', 'two']);
    expect(await logs('--tail', '1', '--no-follow')).not.toContain('one');
    expect(await logs('--timestamps')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z one$/m);
    expect(await logs('--since', '1h', '--attempt', '1')).toContain('one\n');
    expect(await logs('--since', new Date(Date.now() + 3_600_000).toISOString())).toBe('');
    const lines = (await logs('--json'))
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines).toContainEqual({ log: { task_id: 'talk', line: 'two\n' } });
  });

  test('task: a log that was never written is refused with the reason', async () => {
    await world.pipeline('skipping', { one: { script: 'false' }, two: { script: 'true', after: { one: 'Success' } } });
    const runId = await world.endedRun('skipping');
    expect(await world.run(['task', 'logs', 'skipping', runId, 'two'])).toMatchObject({
      status: 5,
      stderr: expect.stringContaining('There is no log') as string,
    });
  });

  test('task: cancelled, and so its run fails', async () => {
    await world.pipeline('sleepy', { sleep: { script: 'sleep 60' } });
    const { run } = await world.json<RunAnswer>('run', 'start', 'sleepy');
    const runId = String(run.run_id);
    await world.plain('task', 'cancel', 'sleepy', runId, 'sleep', '--wait-for', '0');
    expect((await world.run(['run', 'follow', 'sleepy', runId])).status).toBe(7);
  });
});

test('context: shows the configuration and hides the token', async () => {
  const said = await world.plain('context', '--token', 'very-secret-token');
  expect(said).toMatch(/Server version: \d+\.\d+\.\d+/);
  expect(said).not.toContain('secret-token');
  expect(await world.json('context', '--token', 'very-secret-token', '--show-token')).toMatchObject({
    configuration: { token: 'very-secret-token', namespace: 'default', api_base_url: world.server.url },
    server: { ignore_pipeline_run_events: false },
  });
});
