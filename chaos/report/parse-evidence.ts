// Evidence and rows that were written by us, read back.

import type { Evidence } from '../checks/evidence.ts';
import type { FailoverRow } from './failover-figures.ts';
import type { RunFacts } from './report-facts.ts';

export function parseEvidence(text: string): { readonly facts: RunFacts; readonly evidence: Evidence } {
  return JSON.parse(text) as { readonly facts: RunFacts; readonly evidence: Evidence };
}

/** None when the text is of something else. */
export function parseRows(text: string): readonly FailoverRow[] {
  const { rows } = JSON.parse(text) as { readonly rows?: readonly FailoverRow[] };
  return rows ?? [];
}
