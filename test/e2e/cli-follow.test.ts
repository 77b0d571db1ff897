// Following a run by the real executable: to every kind of end, through the death of the server, and until Ctrl-C.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../eventually.ts';
import { aCliWorld, restartServer } from './cli-world.ts';
import type { CliWorld } from './cli-world.ts';
import { LAUNCHER } from './real-server.ts';

// Each command is a process of its own, and the machine may have much else to do.
vi.setConfig({ testTimeout: 90_000 });

let world: CliWorld;

beforeAll(async () => {
  world = await aCliWorld();
});

afterAll(() => world[Symbol.asyncDispose]());

interface Started {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
}

/** A command that the test does something to while it runs. */
function begin(...args: readonly string[]): Started {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, GOFER_API_BASE_URL: world.server.url, NO_COLOR: '1' },
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()));
  const ended = once(child, 'close').then(() => child.exitCode);
  return { child, stdout: () => texts.stdout, stderr: () => texts.stderr, ended };
}

const lines = (text: string) => text.split('\n').filter((line) => line !== '');

test('follow: lines of all tasks have their names in front, and the run ends with its status as the code', async () => {
  await world.pipeline('joined', {
    one: { script: 'echo a; echo b >&2' },
    'number-two': { script: 'echo c' },
    three: { script: "printf 'no end'", after: { one: 'Success', 'number-two': 'Any' } },
  });
  const { status, stdout, stderr } = await world.run(['run', 'start', 'joined', '--follow']);
  expect(status).toBe(0);
  expect(lines(stdout).sort()).toEqual(['number-two | c', 'one        | a', 'one        | b', 'three      | no end']);
  for (const task of ['one', 'number-two', 'three']) expect(stderr).toMatch(new RegExp(`^✓ ${task} successful, `, 'm'));
  expect(lines(stderr).at(-1)).toMatch(/^✓ Run #1 of \[joined\] successful, /);
  const again = await world.run(['run', 'follow', 'joined', '1']);
  expect([again.status, lines(again.stdout).sort()]).toEqual([0, lines(stdout).sort()]);
});

test('follow: a failed run ends with 7 and says what to do; a retry shows only what it does again', async () => {
  await world.pipeline('half', {
    good: { script: 'echo good' },
    bad: { script: 'echo bad; exit 3' },
    never: { script: 'echo never', after: { bad: 'Success' } },
  });
  const { status, stdout, stderr } = await world.run(['run', 'start', 'half', '-f']);
  expect([status, lines(stdout).sort()]).toEqual([7, ['bad   | bad', 'good  | good']]);
  expect(stderr).toMatch(/^x bad failed, .*: exit code 3$/m);
  expect(stderr).toMatch(/^- never skipped: /m);
  expect(stderr).toContain('(hint) try again:   gofer run retry half 1 --follow');
  const retried = await world.run(['run', 'retry', 'half', '1', '--follow']);
  expect([retried.status, retried.stdout]).toEqual([7, 'bad   | bad\n']);
  expect(retried.stderr).toContain('✓ good successful, taken over from run #1');
});

test('follow: every attempt of a task is shown, in order', async () => {
  const script =
    'test -e "$DIR/$GOFER_RUN_ID" && echo second && exit 0; touch "$DIR/$GOFER_RUN_ID"; echo first; exit 1';
  await world.pipeline('again', { flaky: { script: script.replaceAll('$DIR', world.directory), retries: 1 } });
  const { status, stdout } = await world.run(['run', 'start', 'again', '--follow', '--json']);
  expect(status).toBe(0);
  const told = lines(stdout).map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  expect(told.filter((one) => 'log' in one)).toEqual([
    { log: { task_id: 'flaky', attempt: 1, line: 'first\n' } },
    { log: { task_id: 'flaky', attempt: 2, line: 'second\n' } },
  ]);
  expect(told.at(-1)).toMatchObject({ run: { status: 'successful', state: 'complete' } });
  const newest = await world.plain('task', 'logs', 'again', '1', 'flaky');
  expect([newest, await world.plain('task', 'logs', 'again', '1', 'flaky', '--attempt', '1')]).toEqual([
    'second\n',
    'first\n',
  ]);
});

test('follow: a cancelled run ends with 8, one by one and all at once', async () => {
  await world.pipeline('sleepy', { sleep: { script: 'echo asleep; exec sleep 60' } });
  const followed = begin('run', 'start', 'sleepy', '--follow');
  await eventually(() => expect(followed.stdout()).toBe('sleep | asleep\n'));
  await world.plain('run', 'cancel', 'sleepy', '1', '--force');
  expect(await followed.ended).toBe(8);
  const more = [begin('run', 'start', 'sleepy', '-f'), begin('run', 'start', 'sleepy', '-f')];
  for (const { stdout } of more) await eventually(() => expect(stdout()).toBe('sleep | asleep\n'));
  const { cancelled } = await world.json<{ readonly cancelled: object }>('run', 'cancel-all', 'sleepy', '--force');
  expect(cancelled).toMatchObject({ run_ids: [3, 2] });
  expect(await Promise.all(more.map(({ ended }) => ended))).toEqual([8, 8]);
});

test('follow: Ctrl-C ends the following with 130, not the run', async () => {
  await world.pipeline('patient', { wait: { script: 'echo waiting; exec sleep 60' } });
  const followed = begin('run', 'start', 'patient', '--follow');
  await eventually(() => expect(followed.stdout()).toContain('waiting'));
  followed.child.kill('SIGINT');
  expect(await followed.ended).toBe(130);
  expect(followed.stderr()).toContain('(hint) follow it: gofer run follow patient 1');
  expect(await world.json('run', 'get', 'patient', '1')).toMatchObject({ run: { state: 'running' } });
  await world.plain('run', 'cancel', 'patient', '1', '--force');
});

test('follow: the server may be killed and stopped in between: no line is missing, none comes twice', async () => {
  const gate = `${world.directory}/gate`;
  const wait = (name: string) => `while [ ! -e ${gate}-${name} ]; do sleep 0.05; done`;
  await world.pipeline('survivor', {
    talk: { script: `echo 1; echo 1; ${wait('one')}; echo 2; echo 1; ${wait('two')}; echo 3` },
    other: { script: 'echo other' },
    last: { script: 'echo last', after: { talk: 'Success' } },
  });
  const followed = begin('run', 'start', 'survivor', '--follow');
  const shown = (count: number) =>
    eventually(() => expect(lines(followed.stdout()).filter((line) => line.startsWith('talk'))).toHaveLength(count));
  await shown(2);
  const followedLog = begin('task', 'logs', 'survivor', '1', 'talk');
  await eventually(() => expect(followedLog.stdout()).toBe('1\n1\n'));
  await world.server.kill();
  await eventually(() => expect(followed.stderr()).toContain('Waiting for it; the run goes on.'));
  await world.file('gate-one', '');
  await restartServer(world);
  await shown(4);
  expect(await world.server.stop()).toBe(0);
  await world.file('gate-two', '');
  await restartServer(world);
  expect(await followed.ended).toBe(0);
  expect(lines(followed.stdout()).sort()).toEqual(
    ['talk  | 1', 'talk  | 1', 'talk  | 2', 'talk  | 1', 'talk  | 3', 'other | other', 'last  | last'].sort(),
  );
  expect(followed.stderr()).toContain('• The server answers again.\n');
  expect([await followedLog.ended, followedLog.stdout()]).toEqual([0, '1\n1\n2\n1\n3\n']);
});

test('follow: a run of many tasks is shown whole', async () => {
  const tasks = Array.from({ length: 100 }, (_, index) => [`task-${index}`, { script: `echo line ${index}` }] as const);
  await world.pipeline('wide', Object.fromEntries(tasks));
  const { status, stdout } = await world.run(['run', 'start', 'wide', '--follow']);
  expect([status, new Set(lines(stdout)).size, lines(stdout).length]).toEqual([0, 100, 100]);
});

test('follow: a chain of tasks that are over in a moment is shown whole', async () => {
  const length = 20;
  const tasks = Array.from({ length }, (_, index) => {
    const after = index === 0 ? {} : { [`step-${index - 1}`]: 'Success' as const };
    return [`step-${index}`, { script: `sleep 0.0${index % 10}; echo line ${index}`, after }] as const;
  });
  await world.pipeline('chain', Object.fromEntries(tasks));
  const { status, stdout } = await world.run(['run', 'start', 'chain', '--follow']);
  expect([status, lines(stdout).length]).toEqual([0, length]);
});

test('events: a stream shows what happens from now on, until Ctrl-C', async () => {
  await world.pipeline('eventful', { one: { script: 'true' } });
  const stream = begin('event', 'stream', '--kind', 'completed_run', '--pipeline', 'eventful', '--json');
  await eventually(async () => {
    // The stream may not be open yet at the first one.
    await world.endedRun('eventful');
    expect(stream.stdout()).toMatch(/^\{.*"completed_run".*\}\n/);
  });
  stream.child.kill('SIGINT');
  expect(await stream.ended).toBe(130);
});

test('attach: lines go to a command beside the task, and its output comes back', async () => {
  await world.pipeline('open-door', { stay: { script: 'echo here; exec sleep 60' } });
  const followed = begin('run', 'start', 'open-door', '--follow');
  await eventually(() => expect(followed.stdout()).toContain('here'));
  const attached = begin('task', 'attach', 'open-door', '1', 'stay');
  attached.child.stdin?.write('echo "sum $((40 + 2))"\n');
  await eventually(() => expect(attached.stdout()).toContain('sum 42'));
  attached.child.stdin?.write('exit\n');
  expect(await attached.ended).toBe(0);
  await world.plain('run', 'cancel', 'open-door', '1', '--force');
  expect(await followed.ended).toBe(8);
});
