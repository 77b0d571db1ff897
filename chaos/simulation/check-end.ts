// Checks on the end of a healed history: everything has ended, nothing is left over, every log is kept (I7, I8, I15).

import { archiveName } from '../../store/logs/archive.ts';
import { attemptId, runKeyText } from '../../store/model/ids.ts';
import type { AttemptId, AttemptKey } from '../../store/model/ids.ts';
import type { TaskExecution } from '../../store/model/run.ts';
import type { Checks, Chronicle, Fail } from './chronicle.ts';
import { logText } from './engine-host.ts';

interface EndDeps {
  readonly chronicle: Chronicle;
  /** What the engine still has of attempts. */
  readonly held: () => readonly { readonly id: string; readonly state: string }[];
  readonly blobs: ReadonlyMap<string, Buffer>;
}

export function createEndChecks(deps: EndDeps): Checks {
  return {
    ended: (fail) => {
      checkEnds(deps, fail);
      checkLeftOvers(deps, fail);
      for (const tasks of deps.chronicle.tasks.values()) for (const task of tasks.values()) checkLogs(deps, task, fail);
    },
  };
}

function checkEnds({ chronicle }: EndDeps, fail: Fail): void {
  for (const [name, run] of chronicle.runs) {
    if (run.state !== 'complete') fail('I7', `run ${name} is still ${run.state}${openTasks(chronicle, name)}`);
  }
  if (chronicle.term === null) fail('I7', 'nobody leads');
}

function openTasks(chronicle: Chronicle, name: string): string {
  const open = [...(chronicle.tasks.get(name)?.values() ?? [])].filter(({ state }) => state !== 'complete');
  return open.map(({ taskId, state }) => `, task ${taskId} is ${state}`).join('');
}

function checkLeftOvers({ chronicle, held }: EndDeps, fail: Fail): void {
  const [key] = chronicle.pending;
  if (key !== undefined)
    fail('I15', `${chronicle.pending.size} records are left that somebody had to settle, such as ${key}`);
  const [left] = held();
  if (left !== undefined) fail('I15', `the engine still holds ${left.id}, which is ${left.state}`);
}

function checkLogs({ chronicle, blobs }: EndDeps, task: TaskExecution, fail: Fail): void {
  if (task.state === 'complete' && task.carriedFrom > 0) return;
  for (const { attempt } of task.past) {
    const key: AttemptKey = { ...task, attempt };
    const id = attemptId(key, attempt);
    if (!hasLog(chronicle, id)) continue;
    const blob = blobs.get(archiveName(key));
    if (blob === undefined) fail('I8', `the log of ${id} was never archived`);
    else if (!blob.includes(logText(id))) fail('I8', `the archived log of ${id} is not what its body printed`);
  }
  const last = task.past.at(-1);
  if (task.state !== 'complete' || last === undefined || !hasLog(chronicle, attemptId(task, last.attempt))) return;
  if (task.logs !== 'archived') fail('I8', `${runKeyText(task)} ${task.taskId} says that its log is "${task.logs}"`);
}

function hasLog({ truths }: Chronicle, id: AttemptId): boolean {
  const truth = truths.get(id);
  return truth !== undefined && !truth.tracesTaken;
}
