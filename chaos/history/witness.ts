// What the bodies say themselves, outside of the system that is under test: one file to which each appends a line before it does
// anything else, and one as the last thing.

import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import type { BodyMark } from '../checks/evidence.ts';
import { uptimeOffset } from './machine-clock.ts';
import { parseWitnessLine } from './parse-witness.ts';

export interface Witness extends AsyncDisposable {
  readonly marks: readonly BodyMark[];
  /** Called with each new mark; gives what ends that. */
  onMark(listener: (mark: BodyMark) => void): () => void;
  /** All that was written by now is in `marks`. */
  catchUp(): Promise<void>;
}

/** Times are the bodies' own; this is only how soon we hear of them. */
const LOOK_MS = 20;
const READ_BYTES = 262_144;

/** Makes the file, and reads it as it grows. */
export function watchWitness(file: string, nodeOf: (apiUrl: string) => string): Witness {
  writeFileSync(file, '', { flag: 'a' });
  const descriptor = openSync(file, 'r');
  const context = { uptimeOffset: uptimeOffset(), nodeOf };
  const marks: BodyMark[] = [];
  const listeners = new Set<(mark: BodyMark) => void>();
  const buffer = Buffer.alloc(READ_BYTES);
  let rest = '';

  function look(): void {
    for (let length = readSync(descriptor, buffer); length > 0; length = readSync(descriptor, buffer)) {
      const lines = (rest + buffer.toString('latin1', 0, length)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(parseWitnessLine(line, context));
    }
  }

  function take(mark: BodyMark | null): void {
    if (mark === null) return;
    marks.push(mark);
    for (const listener of listeners) listener(mark);
  }

  const timer = setInterval(look, LOOK_MS);
  return {
    marks,
    onMark: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    catchUp: async () => look(),
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      closeSync(descriptor);
    },
  };
}
