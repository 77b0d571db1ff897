// TERM and EFFECT: one leader at a time, terms that only grow, and nobody who acts on a term that is over.

import { boundEnd } from './evidence.ts';
import type { BodyMark, Check, Evidence, TermSeen, Violation } from './evidence.ts';

export const TERM: Check = {
  id: 'TERM',
  promise: 'Terms only grow, each has one leader, and no two reign at once.',
  judge: ({ terms, bounds }) =>
    terms.flatMap((term, index) => {
      const before = terms[index - 1];
      if (before === undefined) return [];
      const faults: string[] = [];
      if (term.term <= before.term) faults.push(`follows term ${before.term}`);
      if (before.to === null) faults.push(`began while term ${before.term} had not ended`);
      else if (term.from < before.to - bounds.observerMs) faults.push(`began before the end of term ${before.term}`);
      return faults.map((what) => ({ check: 'TERM', subject: `term ${term.term}`, what, at: term.from }));
    }),
};

export const EFFECT: Check = {
  id: 'EFFECT',
  promise: 'A node starts bodies only while it leads, and for the stated bound after that.',
  judge: (evidence) => evidence.bodies.flatMap((mark) => judgeEffect(mark, evidence)),
};

function judgeEffect(mark: BodyMark, { terms, bounds, faults }: Evidence): readonly Violation[] {
  if (mark.mark !== 'start' || mark.node === '' || terms.length === 0) return [];
  const reigns = terms.filter(({ name }) => name === mark.node);
  const asked = mark.asked ?? mark.at;
  const isCovered = reigns.some(
    ({ from, to }) =>
      asked >= from - bounds.observerMs && (to === null || asked <= boundEnd({ faults }, to, bounds.effectMs)),
  );
  if (isCovered) return [];
  return [
    {
      check: 'EFFECT',
      subject: mark.attempt,
      what: `was started by ${mark.node}, ${distance(reigns, asked)}`,
      at: asked,
    },
  ];
}

function distance(reigns: readonly TermSeen[], at: number): string {
  const last = reigns.filter(({ from }) => from <= at).at(-1);
  if (last === undefined || last.to === null) return 'which had not led by then';
  return `${Math.round(at - last.to)} ms after the end of its term ${last.term}`;
}
