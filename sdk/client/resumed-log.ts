// The log of a task, to its end: goes on after a broken connection without a gap and without a double.

import { createLineMemory } from './line-memory.ts';
import { createPatience } from './patience.ts';
import type { LogStreamOptions, OpenLog } from './stream-options.ts';
import type { OfTask } from './types.ts';

/** With `tail`, lines that began this long before the break are looked at again: longer than any delay on their way here. */
const TAIL_OVERLAP_MS = 60_000;

interface LogReader {
  readonly open: OpenLog;
  /** 0 = the task has not started. */
  readonly newestAttempt: (task: OfTask) => Promise<number>;
  readonly now: () => number;
}

/** Lines with their line ends; the last one may have none. Ends without an error when its signal aborts. */
export async function* resumedLog(reader: LogReader, request: LogStreamOptions): AsyncGenerator<string> {
  const { open, now } = reader;
  const memory = createLineMemory();
  let which: Pick<LogStreamOptions, 'attempt'> | null = null;
  const patience = request.patience ?? createPatience({ signal: request.signal, now: () => performance.now() });
  // Who brings a patience of its own bears the first failures as well.
  let isFirst = request.patience === undefined;
  let lastAt = now();
  const isNew = (line: string) => {
    patience.renew();
    lastAt = now();
    return memory.isNew(withoutTime(line, request));
  };
  for (let next = request; ; next = followUp(request, lastAt)) {
    const openedAt = performance.now();
    try {
      // After a break the newest attempt may be another one.
      which ??= await attemptOf(reader, request);
      const lines = await open({ ...next, ...which }, isFirst);
      isFirst = false;
      yield* chosen(completeLines(lines), isNew);
      return;
    } catch (error) {
      if (request.signal?.aborted === true) return;
      if (isFirst) throw error;
      await patience.bear(error, performance.now() - openedAt);
      memory.restart();
    }
  }
}

/** Nothing for a task that has not started: the server refuses it then, with the reason. */
async function attemptOf({ newestAttempt }: LogReader, { attempt, wait, ...task }: LogStreamOptions) {
  const newest = attempt ?? (await newestAttempt(task));
  if (newest > 0) return { attempt: newest };
  return wait === true ? { attempt: 1 } : {};
}

/** Nobody knows how many lines lie before the last ones of a log, so with `tail` those are found again by their time. */
function followUp({ tail, ...whole }: LogStreamOptions, lastAt: number): LogStreamOptions {
  return tail === undefined ? whole : { ...whole, since: Math.max(whole.since ?? 0, lastAt - TAIL_OVERLAP_MS) };
}

/** A server that stops sends what it has of the last line: that is shown only when the stream ends well, else it comes again. */
async function* completeLines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let pending = '';
  for await (const line of lines) {
    if (pending !== '') yield pending;
    pending = line.endsWith('\n') ? '' : line;
    if (pending === '') yield line;
  }
  if (pending !== '') yield pending;
}

async function* chosen(lines: AsyncIterable<string>, isChosen: (line: string) => boolean): AsyncGenerator<string> {
  for await (const line of lines) if (isChosen(line)) yield line;
}

/** Times are those of the reading, not of the writing, on engines that keep none. */
function withoutTime(line: string, { timestamps }: LogStreamOptions): string {
  return timestamps === true ? line.slice(line.indexOf(' ') + 1) : line;
}
