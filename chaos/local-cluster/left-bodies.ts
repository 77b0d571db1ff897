// Bodies of the process engine outlive the nodes, as they should; when the whole cluster is taken down they have to go as well.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** In a claim each line is a line of /proc/<pid>/stat; in the first one the boot id stands before it. */
const MARK = /(?:^| )(\d+) \(.*\) (.*)$/;
/** Of the fields after the name: when the process was started. */
const STARTED_FIELD = 19;

/** kill -9 of every supervisor and body that is named in the claims and still the process that was meant. */
export function killLeftBodies(attempts: string): void {
  const claims = path.join(attempts, 'claims');
  if (!existsSync(claims)) return;
  const marks = readdirSync(claims, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap(({ name }) => readFileSync(path.join(claims, name), 'latin1').split('\n'));
  for (const mark of marks) killMarked(mark);
}

function killMarked(mark: string): void {
  const [, pid = '', fields = ''] = MARK.exec(mark) ?? [];
  if (pid === '' || startedOf(fields) !== startedNow(pid)) return;
  for (const target of [-Number(pid), Number(pid)]) killIfThere(target);
}

function startedNow(pid: string): string | undefined {
  try {
    return startedOf(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, ''));
  } catch {
    return 'gone';
  }
}

function startedOf(fields: string): string | undefined {
  return fields.trim().split(' ')[STARTED_FIELD];
}

/** A negative id means the process group, which only bodies lead. */
function killIfThere(target: number): void {
  try {
    process.kill(target, 'SIGKILL');
  } catch {
    // Gone in between, or no leader of a group.
  }
}
