// LOG: what a body printed is read back, whole, through every node.

import type { Check, Evidence, FinalTask, Violation } from './evidence.ts';
import { attemptPlace, finalRuns } from './run-places.ts';

/** What the bodies of the suite print: this before their work, and the last line after it. */
export const FIRST_LINE = 'begins';
export const LAST_LINE = 'ends';

const SUCCESS = 'exit code 0';
/** A daemon has what it read for so long before it is on disk, and reads what waits when it is back. */
const IN_HAND_MS = 2_000;
const SHOWN_MAX = 200;

export const LOG: Check = {
  id: 'LOG',
  promise:
    'The log of a body that ended well is read back whole, at once and at the end; of another one, as far as it came. What was in the hands of a killed daemon may be missing.',
  judge: (evidence) => {
    const mayMiss = placesThatMayMiss(evidence);
    return [...duringRun(evidence, mayMiss), ...atEnd(evidence, mayMiss)];
  },
};

/** `place`: `<pipeline>/<run>/<task>`. */
export function wholeLog(place: string): string {
  return `${FIRST_LINE} ${place}\n${LAST_LINE}\n`;
}

/** Bodies that lived while a fault lost output. One whose start or end nobody saw lived at any time. */
function placesThatMayMiss({ bodies, faults }: Evidence): ReadonlySet<string> {
  const losing = faults.filter(({ losesOutput }) => losesOutput === true);
  if (losing.length === 0) return new Set();
  const lives = new Map<string, { from: number; to: number }>();
  for (const body of bodies) {
    const attempt = attemptPlace(body);
    if (attempt === null) continue;
    const place = `${attempt.place}/${attempt.task}`;
    const life = lives.get(place) ?? { from: -Infinity, to: Infinity };
    lives.set(place, body.mark === 'start' ? { ...life, from: body.at } : { ...life, to: body.at });
  }
  const isHit = ({ from, to }: { readonly from: number; readonly to: number }) =>
    losing.some((fault) => fault.from - IN_HAND_MS <= to && fault.to + IN_HAND_MS >= from);
  return new Set([...lives].filter(([, life]) => isHit(life)).map(([place]) => place));
}

function duringRun({ operations }: Evidence, mayMiss: ReadonlySet<string>): readonly Violation[] {
  return operations.flatMap((call) => {
    if (call.op !== 'log' || call.ret === undefined) return [];
    const what =
      call.out === undefined
        ? `was refused: ${call.err ?? ''}`
        : wrongText(call.out.text, wholeLog(call.key), mayMiss.has(call.key));
    return what === null ? [] : [{ check: 'LOG', subject: call.key, what, at: call.call }];
  });
}

function atEnd(evidence: Evidence, mayMiss: ReadonlySet<string>): readonly Violation[] {
  return [...finalRuns(evidence)].flatMap(([place, { tasks, node }]) =>
    tasks.flatMap((task) => {
      const subject = `${place}/${task.task}`;
      const what = task.log === null ? null : wrongAtEnd(task, { log: task.log, subject, mayMiss });
      return what === null ? [] : [{ check: 'LOG', subject, what: `${node}: ${what}`, at: null }];
    }),
  );
}

interface LogAtEnd {
  readonly log: string;
  readonly subject: string;
  readonly mayMiss: ReadonlySet<string>;
}

function wrongAtEnd({ attempts }: FinalTask, { log, subject, mayMiss }: LogAtEnd): string | null {
  const whole = wholeLog(subject);
  if (attempts.at(-1)?.outcome === SUCCESS) return wrongText(log, whole, mayMiss.has(subject));
  return whole.startsWith(log) ? null : wrongText(log, whole, mayMiss.has(subject));
}

/** Where lines may be missing, those that are there are the right ones, in their order. */
function wrongText(text: string, wanted: string, mayMiss: boolean): string | null {
  if (text === wanted || (mayMiss && isPartOf(text, wanted))) return null;
  return `the log is ${JSON.stringify(text.slice(0, SHOWN_MAX))}`;
}

function isPartOf(text: string, whole: string): boolean {
  const lines = text.split('\n');
  for (const line of whole.split('\n')) if (line === lines[0]) lines.shift();
  return lines.length === 0;
}
