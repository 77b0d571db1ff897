// Every promise that a chaos run is judged by. The table in chaos/README.md has the same ids.

import { ATTEMPTS, BODY_ONCE, CANCEL, ORDER } from './bodies.ts';
import { EVENT_ALL, EVENT_ORDER, EVENT_SAME } from './events.ts';
import type { Check, Evidence, Violation } from './evidence.ts';
import { LINEAR } from './linear.ts';
import { LOG } from './logs.ts';
import { OBJECT } from './objects.ts';
import { RUN_END, RUN_ONCE, RUN_SAME } from './outcomes.ts';
import { SESSION } from './sessions.ts';
import { EFFECT, TERM } from './terms.ts';
import { FAULT, TRAFFIC } from './validity.ts';

export const ALL_CHECKS: readonly Check[] = [
  ...[RUN_END, RUN_SAME, RUN_ONCE, BODY_ONCE, ATTEMPTS, ORDER, CANCEL, TERM, EFFECT],
  ...[LINEAR, SESSION, EVENT_ORDER, EVENT_SAME, EVENT_ALL, OBJECT, LOG, TRAFFIC, FAULT],
];

export interface Verdict {
  readonly id: string;
  readonly promise: string;
  readonly violations: readonly Violation[];
}

export function judge(evidence: Evidence): readonly Verdict[] {
  return ALL_CHECKS.map((check) => ({ id: check.id, promise: check.promise, violations: check.judge(evidence) }));
}
