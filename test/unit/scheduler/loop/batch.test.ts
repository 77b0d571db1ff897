// What a batch hands to the store is something that the store takes.

import { expect, test } from 'vitest';
import { createBatch } from '../../../../scheduler/loop/batch.ts';
import { planRun } from '../../../../scheduler/plan/plan-run.ts';
import type { RunId } from '../../../../store/model/ids.ts';
import { checkTransaction } from '../../../../store/state/transaction-check.ts';
import { NOON, PLAN_SETTINGS, aConfig, aPendingRun, aTask, aView } from '../../worlds.ts';

const FENCE = { target: 'create', key: 'leader', equals: 1 } as const;

test.each([
  { what: 'letters of one byte', value: 'x'.repeat(2_000) },
  { what: 'letters of three bytes', value: '文'.repeat(2_000) },
  { what: 'no variables, many events', value: '' },
])('batch: filled to the brim it is within the limits of the store: $what', ({ value }) => {
  const limits = { operationsMax: 10_000, bytesMax: 100_000 };
  const batch = createBatch({
    fence: FENCE,
    limits,
    counter: { first: 1, last: 0, emitted: 0 },
    counterRevision: 0,
    engine: 'instant',
    now: NOON,
  });
  let taken = 0;
  while (batch.add(aSlice(taken + 1, value))) taken += 1;
  expect(taken).toBeGreaterThan(5);
  const { transaction } = batch.build();
  expect(() => checkTransaction(transaction, limits)).not.toThrow();
});

/** The start of a run of one task, with a variable of its own. */
function aSlice(runId: number, value: string) {
  const variables = value === '' ? [] : [{ key: 'TEXT', value, source: 'run_options' as const }];
  const view = aView(aConfig([aTask('a')]), aPendingRun({ runId: runId as RunId, variables }));
  const { actions } = planRun(view, { now: NOON, settings: PLAN_SETTINGS, admitted: true });
  return { name: `default/nightly/${runId}`, view, actions };
}
