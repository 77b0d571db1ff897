// Names of the files in incoming/. Each tells whose put it is, so that another process that uses the directory too can tell what
// a crash has left from what is being written: <where>.<pid>.<start>.<random>, where `where` stands for this boot of this machine
// and its space of process numbers (containers of one machine have numbers of their own).

import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

/** An owner that cannot be asked is given this long since its last write: far more than a body may stall. */
const KEPT_MS = 24 * 3_600_000;

export interface IncomingFile {
  readonly name: string;
  /** Last write, on the clock of the file system. */
  readonly modifiedMs: number;
}

export interface IncomingNames {
  /** A name for a put of this process. */
  fresh(): string;
  /** Whether nobody can be writing it any more. */
  isLeftOver(file: IncomingFile, nowMs: number): boolean;
}

export function createIncomingNames(): IncomingNames {
  const where = readPlace();
  const own = `${where ?? randomUUID()}.${process.pid}.${startOf(process.pid) ?? ''}`;
  return {
    fresh: () => `${own}.${randomUUID()}`,
    isLeftOver({ name, modifiedMs }, nowMs) {
      if (nowMs - modifiedMs > KEPT_MS) return true;
      const [place, pid, start, random] = name.split('.');
      if (random === undefined || start === '' || where === null || place !== where) return false;
      return startOf(Number(pid)) !== start;
    },
  };
}

/** Null where the system does not tell: then only age counts. */
function readPlace(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const numbers = readlinkSync('/proc/self/ns/pid');
    return createHash('sha256').update(`${boot} ${numbers}`).digest('hex').slice(0, 16);
  } catch {
    return null;
  }
}

/** When the process was started, in clock ticks since boot; null when there is none of this number. Field 22 of proc(5). */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
