// Objects, secrets, events and completion by the real executable; and what it says to wrong input.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { aCliWorld } from './cli-world.ts';
import type { CliWorld } from './cli-world.ts';
import { LAUNCHER, freePort, gofer } from './real-server.ts';

// Each command is a process of its own, and the machine may have much else to do.
vi.setConfig({ testTimeout: 90_000 });

let world: CliWorld;
/** An ended run of the pipeline hello. */
let runId: string;

beforeAll(async () => {
  world = await aCliWorld();
  await world.pipeline('hello', { 'say-hello': { script: 'echo hello' } });
  runId = await world.endedRun('hello');
});

afterAll(() => world[Symbol.asyncDispose]());

const containing = (text: string) => expect.stringContaining(text) as string;

describe.each([
  ['pipeline', () => ['hello']],
  ['run', () => ['hello', runId]],
])('objects of a %s', (family, place) => {
  const object = (verb: string, ...rest: readonly string[]) => [family, 'object', verb, ...place(), ...rest];

  test('objects: bytes come back as they were, also from standard input, and only force replaces them', async () => {
    const bytes = randomBytes(300_000);
    const file = await world.file('blob', bytes);
    expect(await world.plain(...object('put', 'blob', file))).toBe('✓ Stored object [blob] (293 KiB)\n');
    const got = await world.json<{ readonly content_base64: string }>(...object('get', 'blob'));
    expect(Buffer.from(got.content_base64, 'base64').equals(bytes)).toBe(true);
    expect(await world.run(object('put', 'blob', '-'), 'other')).toMatchObject({
      status: 5,
      stderr: containing('Add --force'),
    });
    expect(await world.run(object('put', 'blob', '-', '--force'), 'other\n')).toMatchObject({ status: 0 });
    expect(await world.plain(...object('get', 'blob'))).toBe('other\n');
  });

  test('objects: listed, as text only when short, and deleted', async () => {
    await world.run(object('put', 'short', '@'), 'short');
    await world.run(object('put', 'long', '-'), 'x'.repeat(1_025));
    expect(await world.plain(...object('list'))).toMatch(/^\| short +\| 5 bytes +\| /m);
    expect(await world.plain(...object('get', 'short', '--stringify'))).toBe('short\n');
    expect((await world.run(object('get', 'long', '--stringify'))).status).toBe(1);
    await world.plain(...object('delete', 'short'));
    expect((await world.run(object('get', 'short'))).status).toBe(3);
    expect((await world.run(object('put', 'folder', world.directory))).status).toBe(2);
  });
});

describe('secrets', () => {
  const value = (...place: readonly string[]) => world.json('secret', ...place, '--include-secret');

  test.each([
    ['of a pipeline', ['pipeline'], ['hello']],
    ['global', ['global'], []],
  ])(
    'secrets %s: put from a file, standard input or text; listed without values; replaced by force',
    async (_, family, place) => {
      const secret = (verb: string, ...rest: readonly string[]) => ['secret', ...family, verb, ...place, ...rest];
      const get = (key: string) => value(...family, 'get', ...place, key);
      await world.plain(...secret('put', 'from-file', `@${await world.file('pem', 'BEGIN\nEND\n')}`));
      expect(await get('from-file')).toMatchObject({ secret: 'BEGIN\nEND\n' });
      await world.run(secret('put', 'from-input', '-'), 'typed\n');
      expect(await get('from-input')).toMatchObject({ secret: 'typed' });
      await world.run(secret('put', 'from-nothing'), 'piped');
      expect(await get('from-nothing')).toMatchObject({ secret: 'piped' });
      expect(await world.run(secret('put', 'from-file', 'text'))).toMatchObject({ status: 5 });
      await world.plain(...secret('put', 'from-file', 'text', '--force'));
      expect(await get('from-file')).toMatchObject({ secret: 'text' });
      const list = await world.plain(...secret('list'));
      expect(list).toMatch(/^\| from-nothing +\| /m);
      expect(list + (await world.plain(...secret('get', 'from-input')))).not.toContain('typed');
      await world.plain(...secret('delete', 'from-file'));
      expect((await world.run(secret('get', 'from-file'))).status).toBe(3);
    },
  );

  test('secrets: a value never comes back in a message', async () => {
    const { status, stderr } = await world.run(['secret', 'pipeline', 'put', 'no-such-one', 'some-key', 'hunter2']);
    expect([status, stderr]).toEqual([3, containing('secret pipeline put no-such-one some-key (')]);
    expect(stderr).not.toContain('hunter2');
  });

  test.each([
    ['nothing', '', /empty/],
    ['bytes that are no text', Buffer.from([0xff, 0xfe]), /not UTF-8/],
  ])('secrets: %s is refused', async (_, content, message) => {
    const file = await world.file('content', content);
    const { status, stderr } = await world.run(['secret', 'global', 'put', 'some-key', `@${file}`]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

interface EventLine {
  readonly id: string;
  readonly kind: Readonly<Record<string, unknown>>;
}

async function events(...options: readonly string[]): Promise<readonly EventLine[]> {
  const text = await world.plain('event', ...options, '--json');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as EventLine);
}

describe('events', () => {
  const ofRun = () => ['--pipeline', 'hello', '--run', runId];
  const kinds = (lines: readonly EventLine[]) => lines.map(({ kind }) => Object.keys(kind)[0]);

  test('events: those of a run are listed oldest first, or newest first', async () => {
    const oldest = await events('list', '--no-follow', ...ofRun());
    expect(kinds(oldest)).toEqual([
      'queued_run',
      'started_run',
      'started_task_execution',
      'completed_task_execution',
      'completed_run',
    ]);
    expect(await events('list', '--reverse', ...ofRun())).toEqual(oldest.toReversed());
    expect(await events('list', '--no-follow', '--limit', '2', ...ofRun())).toEqual(oldest.slice(-2));
    expect(await events('list', '--no-follow', '--after', oldest[1]?.id ?? '', ...ofRun())).toEqual(oldest.slice(2));
    expect(kinds(await events('list', '--no-follow', '--kind', 'started_run,completed_run', ...ofRun()))).toHaveLength(
      2,
    );
  });

  test('events: one is shown, and deleted', async () => {
    const text = await world.plain('event', 'list', '--reverse', '--limit', '1', ...ofRun());
    const [, id = ''] = /^\d{4}\S+Z (\S+)\n {2}\{"completed_run":/.exec(text) ?? [];
    expect(await world.plain('event', 'get', id)).toMatch(/Kind: +completed_run\n[^]*status: successful/);
    await world.plain('event', 'delete', id);
    expect((await world.run(['event', 'get', id])).status).toBe(3);
  });
});

describe('completion', () => {
  const complete = async (line: readonly string[]) => {
    const script = await world.plain('completion', 'bash');
    const words = line.map((word) => `'${word}'`).join(' ');
    const asked = `${script}\nCOMP_WORDS=(${words}); COMP_CWORD=${line.length - 1}; _gofer; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', asked], { encoding: 'utf8', cwd: world.directory });
    expect(stderr).toBe('');
    return stdout.trim().split('\n');
  };

  test.each([
    [['gofer', 'pi'], ['pipeline']],
    [
      ['gofer', 'pipeline', 'config', 'd'],
      ['deploy', 'delete'],
    ],
    [
      ['gofer', '--namespace', 'run', 'task', 'l'],
      ['list', 'logs'],
    ],
    [['gofer', 'run', 'start', '--fo'], ['--follow']],
    [
      ['gofer', 'run', 'list', '--output', ''],
      ['plain', 'json', 'silent'],
    ],
    [['gofer', 'run', 'start', '--variables-file', 'compl'], ['completion-file']],
    [['gofer', 'up', 'compl'], ['completion-file']],
  ])('completion in bash: %j', async (line, wanted) => {
    await writeFile(path.join(world.directory, 'completion-file'), '');
    expect(await complete(line)).toEqual(wanted);
  });

  test.each(['zsh', 'fish'])('completion for %s: names every command', async (shell) => {
    const script = await world.plain('completion', shell);
    for (const command of ['gofer run start', 'gofer pipeline object put', 'gofer secret global list']) {
      expect(script).toContain(`'${command}'`);
    }
    expect((await world.run(['completion', 'powershell'])).status).toBe(2);
  });
});

describe('wrong input', () => {
  test.each<readonly [line: string, status: number, message: RegExp]>([
    ['frobnicate', 2, /unknown command 'frobnicate'/],
    ['run strat', 2, /Did you mean start\?/],
    ['run start hello --folow', 2, /Did you mean --follow\?/],
    ['run start', 2, /missing required argument 'pipeline'/],
    ['run', 2, /Commands:\n {2}start/],
    ['run get hello seven', 2, /run: expected a whole number from 1, not "seven"/],
    ['run get hello 999', 3, /Not found: run get hello 999 \(namespace default/],
    ['run get hello 99999999999999999999', 2, /run: expected/],
    ['run list hello --limit many', 2, /--limit: expected/],
    ['run list hello --namespace nowhere', 3, /namespace nowhere/],
    ['run start hello -v WHO', 2, /--variable: expected KEY=VALUE, not "WHO"/],
    ['run start hello --variables-file missing', 2, /There is no file missing/],
    ['run retry hello 1', 5, /successful/],
    ['run follow hello 999', 3, /Not found/],
    ['task logs hello 1 no-such-task', 3, /Not found/],
    ['task logs hello 1 say-hello --since yesterday', 2, /--since: expected/],
    ['task cancel hello 1 say-hello --wait-for soon', 2, /--wait-for: expected/],
    ['pipeline list --output xml', 2, /plain, json or silent/],
    ['pipeline list --api-base-url nonsense', 2, /base URL "nonsense" is not valid/],
    ['namespace create x Name Text', 2, /3 to 32/],
    ['namespace create default Name Text', 5, /exists already/],
    ['namespace update default', 2, /Nothing to change/],
    ['secret pipeline put hello a%b text', 2, /The key "a%b" is not valid/],
    ['event list --kind no_such_kind', 2, /no_such_kind/],
    ['event list --run 1', 2, /--run wants --pipeline/],
    ['up no-such-folder', 2, /There is no file or folder/],
  ])('wrong input: gofer %s ends with %d', async (line, status, message) => {
    const result = await world.run(line.split(' '));
    expect(result).toEqual({ status, stdout: '', stderr: expect.stringMatching(message) as string });
  });

  test.each([
    ['run get hello 999', 3],
    ['run strat', 2],
    ['pipeline list --api-base-url nonsense', 2],
  ])('wrong input as JSON: gofer %s says so on one line', async (line, status) => {
    const { stdout, stderr } = await world.run([...line.split(' '), '--json']);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toMatchObject({ error: { exit_code: status, message: expect.any(String) as string } });
  });

  test('no server: the code of an unreachable server, and what to do', async () => {
    const nobody = { url: `http://127.0.0.1:${await freePort()}` };
    const listed = await gofer(nobody, ['pipeline', 'list']);
    expect(listed).toMatchObject({ status: 6, stderr: containing('Start it with: gofer service start') });
    expect((await gofer(nobody, ['run', 'follow', 'hello', '1'])).status).toBe(6);
    const context = await gofer(nobody, ['context']);
    expect(context).toMatchObject({ status: 6, stdout: containing(nobody.url) });
  });

  test('silent output: nothing is printed, and the code still tells', async () => {
    const silent = (...args: readonly string[]) => world.run([...args, '--output', 'silent']);
    expect(await silent('pipeline', 'get', 'hello')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect((await silent('pipeline', 'get', 'nothing')).status).toBe(3);
  });

  test('a reader that has seen enough is no failure', async () => {
    const child = spawn(process.execPath, [LAUNCHER, 'completion', 'bash'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout.destroy();
    await once(child, 'close');
    expect([child.exitCode, stderr]).toEqual([0, '']);
  });
});
