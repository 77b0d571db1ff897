// The history: every call of every client and its answer, as JSON lines on disk and in memory. Times are performance.now() of this
// one process, so they can be compared with each other and with those of the faults.

import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Operation } from '../checks/evidence.ts';

export interface Recorder extends AsyncDisposable {
  readonly operations: readonly Operation[];
  record(operation: Operation): void;
}

export function openRecorder(file: string): Recorder {
  const operations: Operation[] = [];
  const stream = createWriteStream(file);
  return {
    operations,
    record: (operation) => {
      operations.push(operation);
      stream.write(`${JSON.stringify(operation)}\n`);
    },
    [Symbol.asyncDispose]: async () => {
      stream.end();
      await finished(stream);
    },
  };
}
