// What a node of these tests tells and serves.

import type { Pulse } from '../../../cluster/peers/port.ts';
import type { StartHere } from '../../../cluster/peers/run-starts.ts';
import type { TaskStreams } from '../../../cluster/peers/task-streams.ts';
import { AppError } from '../../../store/model/errors.ts';

export function aPulse(name: string, given: Partial<Pulse> = {}): Pulse {
  return { nodeId: name, name, term: null, storeSilentMs: 0, leader: null, clock: 1_000, ...given };
}

export function noTasks(): TaskStreams {
  return {
    async *logs() {
      throw new AppError('not_found', 'No such attempt.');
    },
    exec: () => Promise.reject(new AppError('conflict', 'The body does not run.')),
  };
}

/** Line n of a log that never ends by itself. */
export const lineOf = (number: number) => `line ${String(number).padStart(6, '0')}\n`;

/** A log that grows by a line whenever it is asked for more, on both streams in turn; from any byte on. */
export function endlessLog(paceMs = 0): TaskStreams['logs'] {
  return async function* (_id, { from, signal }) {
    const bytes = { stdout: from?.stdout ?? 0, stderr: from?.stderr ?? 0 };
    while (!signal.aborted) {
      for (const stream of ['stdout', 'stderr'] as const) {
        const width = lineOf(0).length;
        const rest = Buffer.from(lineOf(Math.floor(bytes[stream] / width))).subarray(bytes[stream] % width);
        bytes[stream] += rest.length;
        yield { stream, at: 5, bytes: rest };
      }
      await new Promise((resolve) => setTimeout(resolve, paceMs));
    }
  };
}

/** A node that does not lead. */
export const noStarts: StartHere = () => Promise.reject(new AppError('unavailable', 'This node does not lead.'));
