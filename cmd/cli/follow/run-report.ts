// What the follower of a run tells: for people, progress on standard error and log lines on standard output; for programs, all of it as
// one JSON object a line on standard output.

import type { Run, TaskExecution } from '../../../sdk/client/types.ts';
import type { Context } from '../context.ts';
import { displayWidth, visible, visibleLines } from '../text/display.ts';
import { paintStatus, type Colour, type Paint } from '../text/paint.ts';
import { durationWords, spanWords } from '../text/time.ts';

export interface RunReport {
  /** Only what is new in it is told. */
  readonly run: (run: Run, executions: readonly TaskExecution[]) => void;
  readonly task: (execution: TaskExecution) => void;
  readonly line: (taskId: string, log: { readonly attempt: number; readonly line: string }) => void;
  readonly noLog: (taskId: string, error: unknown) => void;
  readonly end: (run: Run) => void;
  /** The server is away for a while. */
  readonly trouble: (error: unknown) => void;
  readonly recovered: () => void;
  readonly interrupted: () => void;
}

interface RunPlace {
  readonly pipelineId: string;
  readonly runId: number;
}

export function createReport(context: Context, place: RunPlace): RunReport {
  switch (context.settings.outputFormat) {
    case 'json':
      return jsonReport(context);
    case 'plain':
      return plainReport(context, place);
    case 'silent':
      return jsonReport({ ...context, showLine: () => undefined });
  }
}

/** Each line is an object with one property: run, task_execution, log or problem. */
function jsonReport({ showLine }: Context): RunReport {
  const tell = (json: object) => showLine({ json, text: () => '' });
  const isNew = createNews();
  return {
    run: (run) => {
      if (run.state !== 'complete' && isNew('', run.state)) tell({ run });
    },
    task: (execution) => {
      if (isNew(execution.task_id, taskNews(execution))) tell({ task_execution: execution });
    },
    line: (taskId, { attempt, line }) => tell({ log: { task_id: taskId, attempt, line } }),
    noLog: (taskId, error) => tell({ problem: { task_id: taskId, message: messageOf(error) } }),
    end: (run) => tell({ run }),
    trouble: (error) => tell({ problem: { message: messageOf(error) } }),
    recovered: () => undefined,
    interrupted: () => undefined,
  };
}

/** Longer ids push their lines to the right; the others stay in place. */
const PREFIX_COLUMNS_MAX = 32;
const PREFIX_COLOURS: readonly Colour[] = ['blue', 'green', 'yellow', 'grey'];

function plainReport({ terminal }: Context, { pipelineId, runId }: RunPlace): RunReport {
  const { out, errPaint: paint } = terminal;
  const isNew = createNews();
  const prefixes = createPrefixes(terminal.paint);
  const tell = (text: string) => terminal.err(`${text}\n`);
  const hint = (text: string) => tell(paint('grey', `  (hint) ${text}`));
  return {
    run(run, executions) {
      prefixes.fit(executions);
      if (run.state === 'complete' || !isNew('', run.state)) return;
      const waits = run.state === 'pending' ? ': waits for its turn' : '';
      tell(
        `• Run #${runId} of [${pipelineId}] v${run.pipeline_config_version} ${paintStatus(paint, run.state)}${waits}`,
      );
    },
    task(execution) {
      if (!isNew(execution.task_id, taskNews(execution))) return;
      const text = taskText(execution, paint);
      if (text !== null) tell(text);
    },
    line: (taskId, { line }) => out(`${prefixes.of(taskId)}${line.replace(/\r?\n$/, '')}\n`),
    noLog: (taskId, error) => tell(`• ${visible(taskId)}: ${visibleLines(messageOf(error))}`),
    end(run) {
      tell(endText(run, paint));
      if (run.status === 'failed') {
        hint(`what failed: gofer run get ${pipelineId} ${runId}`);
        hint(`try again:   gofer run retry ${pipelineId} ${runId} --follow`);
      }
    },
    trouble: (error) => tell(paint('yellow', `• ${messageOf(error)} Waiting for it; the run goes on.`)),
    recovered: () => tell('• The server answers again.'),
    interrupted() {
      tell(`• Run #${runId} of [${pipelineId}] goes on.`);
      hint(`follow it: gofer run follow ${pipelineId} ${runId}`);
      hint(`stop it:   gofer run cancel ${pipelineId} ${runId}`);
    },
  };
}

/** The client's errors have their causes in their messages already. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error);
}

/** Whether the text for a name is another one than the last time. */
function createNews(): (name: string, text: string) => boolean {
  const told = new Map<string, string>();
  return (name, text) => {
    if (told.get(name) === text) return false;
    told.set(name, text);
    return true;
  };
}

function taskNews({ state, status, attempt, waiting_for: waitingFor }: TaskExecution): string {
  return [state, status, attempt, waitingFor].join(' ');
}

/** Null for states that only last a moment, or say nothing that its parents' lines did not say. */
function taskText(execution: TaskExecution, paint: Paint): string | null {
  const { state, attempt = 0, attempts = [] } = execution;
  const id = paint('bold', visible(execution.task_id));
  switch (state) {
    case 'unknown':
      return null;
    case 'waiting': {
      const last = attempts.at(-1);
      if (last === undefined) return null;
      return `• ${id} ${visible(last.outcome)}; another attempt follows`;
    }
    case 'processing': {
      const { waiting_for: waitingFor = '' } = execution;
      return waitingFor === '' ? null : `• ${id} waits: ${visible(waitingFor)}`;
    }
    case 'running':
      return `• ${id} ${paintStatus(paint, 'running')}${attempt > 1 ? `, attempt ${attempt}` : ''}`;
    case 'complete':
      return completeText(execution, paint);
  }
}

function completeText(execution: TaskExecution, paint: Paint): string {
  const { status, status_reason: reason, started, ended, carried_from: carriedFrom = 0 } = execution;
  const id = paint('bold', visible(execution.task_id));
  const took = started > 0 && carriedFrom === 0 ? `, ${durationWords(ended - started)}` : '';
  const from = carriedFrom > 0 ? `, taken over from run #${carriedFrom}` : '';
  const why = reason === null || reason === undefined ? '' : `: ${visibleLines(reason.description)}`;
  return `${mark(status, paint)} ${id} ${paintStatus(paint, status)}${took}${from}${why}`;
}

function endText(run: Run, paint: Paint): string {
  const why = run.status_reason?.description ?? '';
  const took = spanWords(run, run.ended);
  const text = `Run #${run.run_id} of [${run.pipeline_id}] ${paintStatus(paint, run.status)}, ${took}`;
  return `${mark(run.status, paint)} ${text}${why === '' ? '' : `: ${visibleLines(why)}`}`;
}

function mark(status: string, paint: Paint): string {
  if (status === 'successful') return paint('green', '✓');
  return status === 'failed' ? paint('red', 'x') : '-';
}

interface Prefixes {
  /** Wide enough for all of these. */
  readonly fit: (executions: readonly TaskExecution[]) => void;
  readonly of: (taskId: string) => string;
}

function createPrefixes(paint: Paint): Prefixes {
  const colours = new Map<string, Colour>();
  let columns = 0;
  return {
    fit(executions) {
      for (const { task_id: taskId } of executions) {
        columns = Math.min(PREFIX_COLUMNS_MAX, Math.max(columns, displayWidth(visible(taskId))));
      }
    },
    of(taskId) {
      const colour = colours.get(taskId) ?? PREFIX_COLOURS[colours.size % PREFIX_COLOURS.length] ?? 'blue';
      colours.set(taskId, colour);
      const name = visible(taskId);
      return paint(colour, `${name}${' '.repeat(Math.max(0, columns - displayWidth(name)))} | `);
    },
  };
}
