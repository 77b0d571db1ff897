// The log of one attempt, to its end: goes on after a broken connection without a gap and without a double.

import { StreamClosedError } from '../../../sdk/client/errors.ts';
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
export async function* followLog({ client, patience, now }: LogReader, request: LogRequest): AsyncGenerator<string> {
  const memory = createLineMemory();
  let lastAt = now();
  let resumed = false;
  for (;;) {
    try {
      const { tail, ...whole } = request;
      // Nobody knows how many lines lie before the last ones, so those are found again by their time.
      const again =
        tail === undefined ? whole : { ...whole, since: Math.max(whole.since ?? 0, lastAt - TAIL_OVERLAP_MS) };
      for await (const line of completeLines(client.getLogs(resumed ? again : request))) {
        patience.renew();
        lastAt = now();
        if (memory.isNew(withoutTime(line, request))) yield line;
      }
      return;
    } catch (error) {
      await patience.bear(error);
      memory.restart();
      resumed = true;
    }
  }
}

/** A server that stops sends what it has of the last line: that is only shown when the stream ends well. */
async function* completeLines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let pending = '';
  try {
    for await (const line of lines) {
      if (pending !== '') yield pending;
      pending = line.endsWith('\n') ? '' : line;
      if (pending === '') yield line;
    }
  } catch (error) {
    // Broken off: the line comes again as a whole.
    if (error instanceof StreamClosedError) pending = '';
    throw error;
  }
  if (pending !== '') yield pending;
}

/** Times are those of the reading, not of the writing, on engines that keep none. */
function withoutTime(line: string, { timestamps }: LogRequest): string {
  return timestamps === true ? line.slice(line.indexOf(' ') + 1) : line;
}
