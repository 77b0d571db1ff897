// Plans that once broke a promise, kept in a file.

import type { Plan } from './plan.ts';

export interface KeptPlan {
  /** What it found. */
  readonly why: string;
  readonly plan: Plan;
}

/** The file is ours: a damaged one fails in the run. */
export function parsePlans(text: string): readonly KeptPlan[] {
  return JSON.parse(text) as readonly KeptPlan[];
}
