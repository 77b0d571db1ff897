// `npm run cluster`, as the README says it: the story, an exit status that judges it, and nothing left behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { ROOT, gofer } from './real-server.ts';

/** Three members, three nodes and a kill of the leader, on a machine that may have much else to do. */
const LIMIT_MS = 180_000;

interface Program {
  readonly text: () => string;
  readonly interrupt: () => void;
  /** Exit status. */
  readonly ended: Promise<number | null>;
}

function start(command: string, args: readonly string[]): Program {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, 'close').then(() => child.exitCode);
  return { text: () => text, interrupt: () => void child.kill('SIGINT'), ended };
}

const tryIt = () =>
  start(process.execPath, [path.join(ROOT, '.house/run-bundled.mjs'), 'chaos/local-cluster/try-it.ts']);

/** Of the nodes, as they are told. */
const pidsIn = (text: string) => [...text.matchAll(/\(pid (\d+)\)/g)].map(([, pid]) => Number(pid));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test(
  'npm run cluster -- --once: the leader is killed, nothing is lost, nothing runs twice',
  { timeout: LIMIT_MS },
  async () => {
    const program = start('npm', ['run', 'cluster', '--', '--once']);
    const status = await program.ended;
    expect(status, program.text()).toBe(0);
    const story = program.text().slice(program.text().indexOf('The leader, ')).trim().split('\n');
    expect(story).toHaveLength(10);
    expect(story.slice(4)).toEqual([
      expect.stringMatching(/all 24 of 24 runs had ended, 24 of them successful$/),
      'Tasks: 96 wanted, 96 ran exactly once, 0 missing, 0 ran twice.',
      'Log lines: 960 of 960 are there, in order.',
      expect.stringMatching(/^Client calls through HAProxy meanwhile: \d+, failed: 0\.$/),
      expect.stringMatching(/was started again and was ready after/),
      'Nothing was lost, nothing ran twice.',
    ]);
  },
);

test(
  'npm run cluster: goes on until Ctrl-C, can be used meanwhile, and then nothing is left',
  { timeout: LIMIT_MS },
  async () => {
    const program = tryIt();
    await eventually(() => expect(program.text()).toContain('Everything goes on until Ctrl-C'), LIMIT_MS);
    const [, url = ''] = /^ {2}API +(\S+)/m.exec(program.text()) ?? [];
    const [, logs = ''] = /^ {2}logs +(\S+)/m.exec(program.text()) ?? [];
    const members = await gofer({ url }, ['cluster', 'status']);
    expect(members.status, members.stderr).toBe(0);
    for (const name of ['node-1', 'node-2', 'node-3']) expect(members.stdout).toContain(name);
    expect(existsSync(logs)).toBe(true);
    program.interrupt();
    expect(await program.ended).toBe(0);
    expect(pidsIn(program.text()).filter(isAlive)).toEqual([]);
    expect(existsSync(logs)).toBe(false);
  },
);

test('npm run cluster: Ctrl-C in the middle of starting ends all of it', { timeout: LIMIT_MS }, async () => {
  const program = tryIt();
  await eventually(() => expect(program.text()).toContain('etcd: 3 members'), LIMIT_MS);
  program.interrupt();
  expect(await program.ended).toBe(130);
  expect(program.text()).not.toContain('Error');
});

test('npm run cluster: unknown options are refused with the help', async () => {
  const program = start(process.execPath, [
    path.join(ROOT, '.house/run-bundled.mjs'),
    'chaos/local-cluster/try-it.ts',
    '--nonsense',
  ]);
  expect([await program.ended, program.text()]).toEqual([2, expect.stringContaining('--help') as string]);
});
