// The log of one task on standard output, byte for byte; from attempt to attempt when it is followed.

import type { LogStreamOptions } from '../../../sdk/client/stream-options.ts';
import type { OfTask } from '../../../sdk/client/types.ts';
import { StreamClosedError } from '../../../sdk/client/errors.ts';
import { createPatience } from '../../../sdk/client/patience.ts';
import { CliError } from '../cli-error.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

export type LogChoice = Omit<LogStreamOptions, keyof OfTask | 'signal' | 'patience'>;

/** The server refuses, and its reason says why. */
const REFUSED = 1008;

export async function showTaskLog(context: Context, of: OfTask, choice: LogChoice): Promise<void> {
  const { client } = context;
  // Told apart here: the stream has one answer for a task that is unknown and a server that goes away.
  let { task_execution: execution } = await client.getTaskExecution(of);
  const followsAttempts = choice.attempt === undefined && choice.follow === true;
  if (!followsAttempts || execution.state === 'complete') return showLines(context, of, choice);
  let attempt = Math.max(1, execution.attempt ?? 1);
  await showLines(context, of, { ...choice, attempt });
  for (;;) {
    ({ task_execution: execution } = await client.getTaskExecution(of));
    if (execution.state === 'complete' && (execution.attempt ?? 0) <= attempt) return;
    attempt += 1;
    const { tail: _tail, ...whole } = choice;
    await showLines(context, of, { ...whole, attempt, wait: true }, { mayBeNone: true });
  }
}

interface Expectation {
  /** There may be no such attempt after all. */
  readonly mayBeNone?: boolean;
}

async function showLines(
  context: Context,
  of: OfTask,
  ...[choice, { mayBeNone = false } = {}]: [LogChoice, Expectation?]
): Promise<void> {
  const { singleTry: client, signal, terminal, settings, showLine } = context;
  const onTrouble = (error: unknown) =>
    terminal.err(`• ${error instanceof Error ? error.message : ''} Waiting for it.\n`);
  const patience = createPatience({ signal, now: Date.now, onTrouble });
  try {
    for await (const line of client.getLogs({ ...of, ...choice, signal, patience })) {
      if (settings.outputFormat === 'plain') terminal.out(line);
      else showLine({ json: { log: { task_id: of.taskId, line } }, text: () => '' });
      await terminal.drained();
    }
  } catch (error) {
    if (!(error instanceof StreamClosedError) || error.code !== REFUSED) throw error;
    if (mayBeNone) return;
    const hasNotStarted = error.message.includes('not started yet');
    const hints = hasNotStarted ? ['Add --wait to wait for it.'] : [];
    throw new CliError(error.message, { exitCode: EXIT.conflict, hints, cause: error });
  }
}
