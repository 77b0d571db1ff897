// What /proc tells of processes that were killed or frozen.

import { readFileSync } from 'node:fs';

/** Letter of the state, such as T for a frozen one; null = there is no such process (a zombie is none either). */
export function processState(pid: number | null): string | null {
  if (pid === null) return null;
  const state = /^State:\s+(\S)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? null;
  return state === 'Z' ? null : state;
}

/** Direct children, by the name of their program. */
export function childrenOf(pid: number): readonly { readonly pid: number; readonly program: string }[] {
  const ids = read(`/proc/${pid}/task/${pid}/children`).trim();
  if (ids === '') return [];
  return ids.split(' ').map((id) => ({ pid: Number(id), program: read(`/proc/${id}/comm`).trim() }));
}

/** True when the signal was sent. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
