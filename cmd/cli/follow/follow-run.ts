// Follows a run to its end: progress on standard error, the lines of all tasks on standard output, the run's status as the exit code.

import type { OfTask, Run, TaskExecution } from '../../../sdk/client/types.ts';
import { createPatience } from '../../../sdk/client/patience.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { createReport, type RunReport } from './run-report.ts';
import { createTurns, type Turns } from './turns.ts';
import { watchRun } from './watch-run.ts';

/** Logs that are read at the same time; those of further tasks are read when one of these ends. */
const LOGS_MAX = 64;

interface RunPlace {
  readonly pipelineId: string;
  readonly runId: number;
  /** It was started a moment ago. */
  readonly isKnown?: boolean;
}

/** Ctrl-C ends the following, never the run. */
export async function followRun(context: Context, { isKnown = false, ...place }: RunPlace): Promise<ExitCode> {
  const { singleTry: client, settings, signal } = context;
  const report = createReport(context, place);
  const { trouble: onTrouble, recovered: onRecovery } = report;
  const patience = createPatience({ signal, now: Date.now, onTrouble, onRecovery });
  const of = { namespaceId: settings.namespace, ...place };
  const tasks = new Map<string, TaskFollower>();
  const turns = createTurns(LOGS_MAX);
  try {
    for await (const { run, executions } of watchRun({ client, patience, now: Date.now, signal, isKnown }, of)) {
      report.run(run, executions);
      for (const { task_id: taskId } of executions.filter((execution) => !tasks.has(execution.task_id))) {
        tasks.set(taskId, createTaskFollower({ context, report, turns, of: { ...of, taskId } }));
      }
      // In the order in which they began, so that each finds those before it.
      for (const execution of executions.toSorted((one, other) => one.started - other.started)) {
        tasks.get(execution.task_id)?.see(execution, tasks);
      }
      if (run.state !== 'complete') continue;
      await Promise.all([...tasks.values()].map((task) => task.ended()));
      report.end(run);
      return exitCodeOf(run);
    }
  } catch (error) {
    if (signal.aborted) {
      report.interrupted();
      return EXIT.interrupted;
    }
    throw error;
  }
  return EXIT.failure;
}

function exitCodeOf({ status }: Run): ExitCode {
  switch (status) {
    case 'successful':
      return EXIT.ok;
    case 'failed':
      return EXIT.runFailed;
    case 'cancelled':
      return EXIT.runCancelled;
    case 'unknown':
      return EXIT.failure;
  }
}

interface TaskParts {
  readonly context: Context;
  readonly report: RunReport;
  readonly turns: Turns;
  readonly of: OfTask;
}

interface TaskFollower {
  /** Lines come after those of the tasks that it follows, and of each other one that was over before this one started. */
  readonly see: (execution: TaskExecution, all: ReadonlyMap<string, TaskFollower>) => void;
  /** Instant at which it was over; null until then. */
  readonly overAt: () => number | null;
  /** All of its lines were shown. Never throws. */
  readonly ended: () => Promise<void>;
}

/** Its attempts one after the other: lines first, then how it ended. */
function createTaskFollower({ context, report, turns, of }: TaskParts): TaskFollower {
  let attempts = 0;
  let chain = Promise.resolve();
  let hasStarted = false;
  let overAt: number | null = null;

  async function showAttempt(attempt: number): Promise<void> {
    try {
      await turns.take(() => showLog({ context, report, of }, attempt));
    } catch (error) {
      // That a body which never ran has no log is no news.
      if (hasStarted && !context.signal.aborted) report.noLog(of.taskId, error);
    }
  }

  return {
    see(execution, all) {
      if (overAt !== null) return;
      hasStarted ||= execution.started > 0;
      // The log of a result that was taken over was shown when it was made.
      const newest = (execution.carried_from ?? 0) > 0 ? 0 : (execution.attempt ?? 0);
      if (attempts === 0 && newest > 0) chain = earlierOnes(execution, all);
      while (attempts < newest) {
        attempts += 1;
        const attempt = attempts;
        chain = chain.then(() => showAttempt(attempt));
      }
      if (execution.state !== 'complete') return report.task(execution);
      overAt = execution.ended;
      chain = chain.then(() => report.task(execution));
    },
    overAt: () => overAt,
    ended: () => chain,
  };
}

/** Resolves once all lines were shown that come before those of this task. */
async function earlierOnes(execution: TaskExecution, all: ReadonlyMap<string, TaskFollower>): Promise<void> {
  // By the graph as well: the times of short tasks are not exact enough to tell.
  const parents = new Set(Object.keys(execution.task.depends_on));
  const startedAt = execution.started > 0 ? execution.started : Infinity;
  const isEarlier = (id: string, other: TaskFollower) => {
    const overAt = other.overAt();
    return parents.has(id) || (overAt !== null && overAt <= startedAt);
  };
  const earlier = [...all].flatMap(([id, other]) => (isEarlier(id, other) ? [other] : []));
  // What this very look tells of them comes first.
  await Promise.resolve();
  await Promise.all(earlier.map((other) => other.ended()));
}

async function showLog({ context, report, of }: Omit<TaskParts, 'turns'>, attempt: number): Promise<void> {
  const { singleTry: client, signal, terminal } = context;
  const patience = createPatience({ signal, now: Date.now });
  for await (const line of client.getLogs({ ...of, attempt, wait: true, signal, patience })) {
    report.line(of.taskId, { attempt, line });
    await terminal.drained();
  }
}
