// The log of one attempt, to its end: goes on after a broken connection without a gap and without a double.

import type { Client } from '../../../sdk/client/client.ts';
import type { LogStreamOptions } from '../../../sdk/client/streams.ts';
import { createLineMemory } from './line-memory.ts';
import type { Patience } from './patience.ts';

export interface LogRequest extends LogStreamOptions {
  readonly signal: AbortSignal;
}

/** With `tail`, lines that began this long before the break are looked at again: longer than any delay on their way here. */
const TAIL_OVERLAP_MS = 60_000;

interface LogReader {
  readonly client: Client;
  readonly patience: Patience;
  readonly now: () => number;
}

/** Lines with their line ends; the last one may have none. */
export async function* followLog(reader: LogReader, request: LogRequest): AsyncGenerator<string> {
  const { client, patience, now } = reader;
  const memory = createLineMemory();
  let lastAt = now();
  const isNew = (line: string) => {
    patience.renew();
    lastAt = now();
    return memory.isNew(withoutTime(line, request));
  };
  for (let next = request; ; next = followUp(request, lastAt)) {
    try {
      yield* chosen(completeLines(client.getLogs(next)), isNew);
      return;
    } catch (error) {
      await patience.bear(error);
      memory.restart();
    }
  }
}

/** Nobody knows how many lines lie before the last ones of a log, so with `tail` those are found again by their time. */
function followUp({ tail, ...whole }: LogRequest, lastAt: number): LogRequest {
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
function withoutTime(line: string, { timestamps }: LogRequest): string {
  return timestamps === true ? line.slice(line.indexOf(' ') + 1) : line;
}
