// What the bodies themselves say: each appends a line to one file, outside of the system, as the first and the last thing that it does.
// Whether a body ran, and how often, is never asked of the system that is under test.

import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';

export interface Mark {
  readonly what: 'begin' | 'end';
  /** `<run>/<task>`. */
  readonly body: string;
  /** Monotonic milliseconds at which it was seen. */
  readonly at: number;
}

export interface Witness extends Disposable {
  readonly file: string;
  readonly marks: readonly Mark[];
}

/** Short against a failover, cheap against everything else. */
const LOOK_MS = 5;
const READ_BYTES = 65_536;

/** Shell text for the begin and the end of a body. */
export function witnessText(file: string, what: Mark['what']): string {
  return `echo "${what} $GOFER_RUN_ID/$GOFER_TASK_ID" >> '${file}'`;
}

/** Makes the file, and reads it as it grows until disposed of. */
export function watchWitness(file: string): Witness {
  writeFileSync(file, '');
  const descriptor = openSync(file, 'r');
  const marks: Mark[] = [];
  const buffer = Buffer.alloc(READ_BYTES);
  let rest = '';
  const look = () => {
    const length = readSync(descriptor, buffer);
    const lines = (rest + buffer.toString('latin1', 0, length)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) marks.push(markOf(line, performance.now()));
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    file,
    marks,
    [Symbol.dispose]: () => {
      clearInterval(timer);
      closeSync(descriptor);
    },
  };
}

function markOf(line: string, at: number): Mark {
  const [what, body = ''] = line.split(' ');
  return { what: what === 'end' ? 'end' : 'begin', body, at };
}

/** How many bodies are between begin and end. */
export function atWork(marks: readonly Mark[]): number {
  return marks.reduce((count, { what }) => count + (what === 'begin' ? 1 : -1), 0);
}
