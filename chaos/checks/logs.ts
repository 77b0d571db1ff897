// LOG: what a body printed is read back, whole, through every node.

import type { Check, Evidence, FinalTask, Violation } from './evidence.ts';
import { finalRuns } from './run-places.ts';

/** What the bodies of the suite print: this before their work, and the last line after it. */
export const FIRST_LINE = 'begins';
export const LAST_LINE = 'ends';

const SUCCESS = 'exit code 0';
const SHOWN_MAX = 200;

export const LOG: Check = {
  id: 'LOG',
  promise:
    'The log of a body that ended well is read back whole, at once and at the end; of another one, as far as it came.',
  judge: (evidence) => [...duringRun(evidence), ...atEnd(evidence)],
};

/** `place`: `<pipeline>/<run>/<task>`. */
export function wholeLog(place: string): string {
  return `${FIRST_LINE} ${place}\n${LAST_LINE}\n`;
}

function duringRun({ operations }: Evidence): readonly Violation[] {
  return operations.flatMap((call) => {
    if (call.op !== 'log' || call.ret === undefined) return [];
    const what =
      call.out === undefined ? `was refused: ${call.err ?? ''}` : wrongText(call.out.text, wholeLog(call.key));
    return what === null ? [] : [{ check: 'LOG', subject: call.key, what, at: call.call }];
  });
}

function atEnd(evidence: Evidence): readonly Violation[] {
  return [...finalRuns(evidence)].flatMap(([place, { tasks, node }]) =>
    tasks.flatMap((task) => {
      const what = task.log === null ? null : wrongAtEnd(task, task.log, `${place}/${task.task}`);
      return what === null
        ? []
        : [{ check: 'LOG', subject: `${place}/${task.task}`, what: `${node}: ${what}`, at: null }];
    }),
  );
}

function wrongAtEnd({ attempts }: FinalTask, log: string, place: string): string | null {
  const whole = wholeLog(place);
  if (attempts.at(-1)?.outcome === SUCCESS) return wrongText(log, whole);
  return whole.startsWith(log) ? null : wrongText(log, whole);
}

function wrongText(text: string, wanted: string): string | null {
  return text === wanted ? null : `the log is ${JSON.stringify(text.slice(0, SHOWN_MAX))}`;
}
