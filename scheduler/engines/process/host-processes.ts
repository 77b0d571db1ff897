// What this machine tells of its processes. Linux answers by /proc; elsewhere a process is known by its number alone, so a
// number that was given to another process cannot be told from the old one (README, engines).

import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseStat } from './attempt-parse.ts';
import type { ProcessMark } from './attempt-parse.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Differs after each start of the machine; '-' where the system does not tell, and no restart can be recognised. */
export function readBootId(): string {
  try {
    if (process.platform !== 'darwin') return readFileSync(BOOT_ID, 'utf8').trim();
    return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim();
  } catch {
    return '-';
  }
}

/** Whether the marked process is alive; one that has ended and waits for its parent is not. */
export function isAlive(mark: ProcessMark): boolean {
  if (mark.start === null) return exists(mark.pid);
  try {
    const stat = parseStat(readFileSync(`/proc/${mark.pid}/stat`, 'latin1'));
    return stat !== null && stat.start === mark.start && !stat.zombie;
  } catch {
    return false;
  }
}

/** Whether any process has this number: cheap, for frequent questions between two of `isAlive`. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Signals the process group; the process alone while it has not become a leader yet. Gone is no error. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/** Variables that the process was started with; null where the system does not tell. */
export function readVariables(pid: number): Record<string, string> | null {
  try {
    const lines = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const pairs = lines.filter((line) => line.includes('='));
    return Object.fromEntries(
      pairs.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  } catch {
    return null;
  }
}

/** Absolute path of a program in the search path; null when it is not there. */
export function findProgram(name: string, searchPath: string): string | null {
  for (const directory of searchPath.split(':').filter((part) => part.startsWith('/'))) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return null;
}
