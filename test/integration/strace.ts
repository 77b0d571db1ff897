// Injects faults into this process's own system calls, where strace is installed and allowed.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../eventually.ts';
import { readFileSync } from 'node:fs';

/** Tracing may be forbidden where strace is installed, so it is tried. */
export function canStrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
}

/** Resolves when the injection is at work; what it gives ends it. */
export async function attachStrace(options: readonly string[]): Promise<() => Promise<void>> {
  const strace = spawn('strace', ['-f', '-qq', '-o', '/dev/null', ...options, '-p', String(process.pid)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const gone = once(strace, 'exit');
  await eventually(() => {
    for (const thread of ['self', 'thread-self']) {
      const tracer = /TracerPid:\t(\d+)/.exec(readFileSync(`/proc/${thread}/status`, 'utf8'))?.[1];
      if (tracer !== String(strace.pid)) throw new Error('strace is not attached yet');
    }
  });
  return async () => {
    strace.kill('SIGINT');
    await gone;
  };
}
